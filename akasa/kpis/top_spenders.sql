-- The top_n customers who spent most after window_start, up to and including as_of.
with

changed as (

    -- numbers that changed hands: an order belongs to who held its number on its day
    -- (rows differ; distinct has SQLite keep these few, and not look among all holdings for each order)
    select distinct
        mobile_number,
        customer_id,
        from_day,
        until_day
    from holdings
    where mobile_number in (select mobile_number from holdings where until_day is not null)

),

sales as (

    select
        orders.mobile_number,
        changed.customer_id,  -- null where the number never changed hands
        count(*) as order_count,
        sum(orders.total_amount_paise) as total_spent,
        max(orders.order_date) as last_order_date
    from orders
    left join changed
        on
            changed.mobile_number = orders.mobile_number
            and orders.order_date >= changed.from_day
            and (changed.until_day is null or orders.order_date < changed.until_day)
    where orders.order_date > :window_start and orders.order_date <= :as_of
    group by orders.mobile_number, changed.customer_id

),

owned as (

    -- one customer may hold several numbers
    select
        coalesce(sales.customer_id, present.customer_id) as customer_id,
        sum(sales.order_count) as order_count,
        sum(sales.total_spent) as total_spent,
        max(sales.last_order_date) as last_order_date
    from sales
    join holdings as present
        on present.mobile_number = sales.mobile_number and present.until_day is null
    group by coalesce(sales.customer_id, present.customer_id)

),

final as (

    select
        customers.customer_id,
        customers.customer_name,
        customers.mobile_number,
        customers.region,
        owned.order_count,
        owned.total_spent,  -- paise
        owned.last_order_date
    from customers
    join owned on owned.customer_id = customers.customer_id
    order by owned.total_spent desc, customers.customer_id
    limit :top_n

)

select * from final
