-- Customers with orders, orders and revenue of every region up to and including as_of.
-- Orders whose mobile number nobody holds stand in the region null: a fact, not a name.
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
        sum(orders.total_amount_paise) as total_revenue
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

    -- one customer may hold several numbers; those that nobody holds stand together
    select
        coalesce(sales.customer_id, present.customer_id) as customer_id,
        count(*) as number_count,
        sum(sales.order_count) as order_count,
        sum(sales.total_revenue) as total_revenue
    from sales
    left join holdings as present
        on present.mobile_number = sales.mobile_number and present.until_day is null
    group by coalesce(sales.customer_id, present.customer_id)

),

final as (

    -- each number that nobody holds counts as a customer
    select
        customers.region,
        sum(case when owned.customer_id is null then owned.number_count else 1 end) as customer_count,
        sum(owned.order_count) as order_count,
        sum(owned.total_revenue) as total_revenue  -- paise
    from owned
    left join customers on customers.customer_id = owned.customer_id
    group by customers.region
    order by sum(owned.total_revenue) desc, customers.region

)

select * from final
