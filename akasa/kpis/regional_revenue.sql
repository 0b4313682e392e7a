-- Customers with orders, orders and revenue of every region up to and including as_of.
-- Orders whose mobile number no customer holds stand in the region null: a fact, not a name.
with

claims as (

    -- phone numbers are recycled: the customer of the latest delivery holds a number
    select
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
        sum(total_amount_paise) as total_revenue  -- paise
    from orders
    where order_date <= :as_of
    group by mobile_number

),

final as (

    select
        claims.region,
        count(*) as customer_count,
        sum(sales.order_count) as order_count,
        sum(sales.total_revenue) as total_revenue  -- paise
    from sales
    left join claims on claims.mobile_number = sales.mobile_number and claims.claim = 1
    group by claims.region
    order by sum(sales.total_revenue) desc, claims.region

)

select * from final
