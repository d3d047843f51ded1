-- Run once, by the first start on an empty volume. The store's own database is POSTGRES_DB.
CREATE DATABASE trellis_dagster;
