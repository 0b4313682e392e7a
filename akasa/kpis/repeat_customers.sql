-- Customers with more than one order up to and including as_of.
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
        count(*) as order_count
    from orders
    left join changed
        on
            changed.mobile_number = orders.mobile_number
            and orders.order_date >= changed.from_day
            and (changed.until_day is null or orders.order_date < changed.until_day)
    where orders.order_date <= :as_of
    group by orders.mobile_number, changed.customer_id

),

owned as (

    -- one customer may hold several numbers
    select
        coalesce(sales.customer_id, present.customer_id) as customer_id,
        sum(sales.order_count) as order_count
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
        owned.order_count
    from customers
    join owned on owned.customer_id = customers.customer_id
    where owned.order_count > 1
    order by owned.order_count desc, customers.customer_id

)

select * from final
