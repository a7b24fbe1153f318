#!/bin/sh
# Run once by PostgreSQL's image, on an empty volume: a database for each server, which only its own user may enter.
set -eu

database() {
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username postgres --dbname postgres <<SQL
\getenv password $2
CREATE ROLE $1 LOGIN PASSWORD :'password';
CREATE DATABASE $1 OWNER $1 ENCODING UTF8 TEMPLATE template0;
REVOKE ALL ON DATABASE $1 FROM PUBLIC;
SQL
}

database prefect PREFECT_DATABASE_PASSWORD
database mlflow MLFLOW_DATABASE_PASSWORD
