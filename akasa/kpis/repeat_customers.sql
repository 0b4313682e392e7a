-- Customers with more than one order up to and including as_of.
with

claims as (

    -- phone numbers are recycled: the customer of the latest delivery holds a number
    select
        customers.customer_id,
        customers.customer_name,
        customers.mobile_number,
        customers.region,
        row_number() over (
            partition by customers.mobile_number
            order by deliveries.position desc
        ) as claim
    from customers
    join deliveries on deliveries.delivery_id = customers.delivery_id

),

sales as (

    select
        mobile_number,
        count(*) as order_count
    from orders
    where order_date <= :as_of
    group by mobile_number

),

final as (

    select
        claims.customer_id,
        claims.customer_name,
        claims.mobile_number,
        claims.region,
        sales.order_count
    from claims
    join sales on sales.mobile_number = claims.mobile_number
    where claims.claim = 1 and sales.order_count > 1
    order by sales.order_count desc, claims.customer_id

)

select * from final
