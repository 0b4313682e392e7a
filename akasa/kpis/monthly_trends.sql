-- Orders and revenue of every month up to and including as_of.
with

days as (

    -- in the order of the index, so that no order has to be sorted
    select
        order_date,
        count(*) as order_count,
        sum(total_amount_paise) as total_revenue  -- paise
    from orders
    where order_date <= :as_of
    group by order_date

),

months as (

    select
        substr(order_date, 1, 7) as order_month,
        sum(order_count) as order_count,
        sum(total_revenue) as total_revenue
    from days
    group by substr(order_date, 1, 7)

),

final as (

    select
        cast(substr(order_month, 1, 4) as signed) as year,
        cast(substr(order_month, 6, 2) as signed) as month,
        order_count,
        total_revenue
    from months
    order by order_month

)

select * from final
