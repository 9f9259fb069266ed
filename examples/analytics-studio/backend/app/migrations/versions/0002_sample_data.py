"""A year of sample data, so that the first deployment has something to show."""

from alembic import op

revision = "0002"
down_revision = "0001"

# setseed makes random() give the same year to everyone.
SEED = "SELECT setseed(0.42)"

# Orders grow over the year (power), peak in November and December, and differ by region and category.
SALES = """
INSERT INTO sales (sold_on, region, category, channel, units, revenue)
SELECT sold_on, region, category, channel, units, round((units * price * season)::numeric, 2)
FROM (
    SELECT
        DATE '2025-01-01' + floor(365 * power(random(), 0.8))::int AS sold_on,
        (ARRAY['Europe', 'Europe', 'Europe', 'North America', 'North America', 'North America', 'North America',
               'Asia Pacific', 'Asia Pacific', 'Latin America'])[1 + floor(random() * 10)::int] AS region,
        (ARRAY['Audio', 'Audio', 'Home', 'Home', 'Home', 'Outdoor', 'Outdoor', 'Office'])[1 + floor(random() * 8)::int]
            AS category,
        (ARRAY['Web', 'Web', 'Web', 'Store', 'Store', 'Partner'])[1 + floor(random() * 6)::int] AS channel,
        1 + floor(random() * random() * 6)::int AS units,
        20 + random() * 160 AS price
    FROM generate_series(1, 6000)
) AS orders
CROSS JOIN LATERAL (SELECT CASE WHEN extract(month FROM sold_on) >= 11 THEN 1.25 ELSE 1 END AS season) AS seasons
"""

VISITS = """
INSERT INTO visits (day, channel, sessions, signups)
SELECT day, channel, sessions, floor(sessions * rate * (0.8 + 0.4 * random()))::int
FROM generate_series(DATE '2025-01-01', DATE '2025-12-31', INTERVAL '1 day') AS days (day)
CROSS JOIN (VALUES ('Search', 900, 0.031), ('Direct', 520, 0.044), ('Newsletter', 260, 0.062), ('Social', 410, 0.018))
    AS channels (channel, daily, rate)
CROSS JOIN LATERAL (
    SELECT floor(daily * (0.8 + 0.4 * random()) * (1 + extract(doy FROM day) / 500)
                 * CASE WHEN extract(isodow FROM day) >= 6 THEN 0.7 ELSE 1 END)::int AS sessions
) AS traffic
"""


def upgrade() -> None:
    for statement in (SEED, SALES, VISITS):
        op.execute(statement)


def downgrade() -> None:
    op.execute("TRUNCATE sales, visits")
