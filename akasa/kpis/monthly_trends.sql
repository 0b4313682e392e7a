-- Orders and revenue of every month up to and including as_of.
with

months as (

    select
        substr(order_date, 1, 7) as order_month,
        count(*) as order_count,
        sum(total_amount_paise) as total_revenue  -- paise
    from orders
    where order_date <= :as_of
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
