-- The top_n customers who spent most after window_start, up to and including as_of.
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
        count(*) as order_count,
        sum(total_amount_paise) as total_spent,  -- paise
        max(order_date) as last_order_date
    from orders
    where order_date > :window_start and order_date <= :as_of
    group by mobile_number

),

final as (

    select
        claims.customer_id,
        claims.customer_name,
        claims.mobile_number,
        claims.region,
        sales.order_count,
        sales.total_spent,
        sales.last_order_date
    from claims
    join sales on sales.mobile_number = claims.mobile_number
    where claims.claim = 1
    order by sales.total_spent desc, claims.customer_id
    limit :top_n

)

select * from final
