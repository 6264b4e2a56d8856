"""A small database for tests that need no data from outside."""

from __future__ import annotations

import sqlite3
from pathlib import Path

ATTACKS = {
    "delete": "DELETE FROM product",
    "update": "UPDATE product SET price = 0",
    "insert": "INSERT INTO product VALUES (99, 'x', 1.0, 1)",
    "drop": "DROP TABLE product",
    "create": "CREATE TABLE t (x)",
    "create temporary": "CREATE TEMP TABLE t AS SELECT 1",
    "attach": "ATTACH DATABASE '/tmp/assay-attached.db' AS other",
    "pragma": "PRAGMA table_info(product)",
    "pragma as a table": "SELECT * FROM pragma_database_list",
    "pragma counted": "SELECT count(*) FROM pragma_database_list",
    "writable schema": "PRAGMA writable_schema = ON",
    "vacuum into": "VACUUM INTO '/tmp/assay-vacuumed.db'",
    "load extension": "SELECT load_extension('/tmp/x.so')",
    "read file": "SELECT readfile('/etc/passwd')",
    "write file": "SELECT writefile('/tmp/assay-written', 'x')",
    "stacked": "SELECT 1; DROP TABLE product",
    "transaction": "BEGIN IMMEDIATE",
    "zeroblob": "SELECT length(zeroblob(1000000000))",
    "randomblob": "SELECT length(randomblob(1000000000))",
    "random": "SELECT random()",
    "tokenizer": "SELECT fts3_tokenizer('simple')",
    "deep expression": f"SELECT {'(' * 900}1{')' * 900}",
    "many columns": f"SELECT {', '.join(map(str, range(1500)))}",
    "parameters": "SELECT ?",
    "empty": "  -- nothing",
}
ENDLESS = {
    "recursion": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
    "recursion of rows": "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT max(x) FROM c",
    "cartesian": "SELECT count(*) FROM big a, big b, big c, big d, big e",
    "cartesian sort": "SELECT a.x FROM big a, big b, big c ORDER BY b.x * c.x, a.x DESC",
}
LONG_CALLS = {
    "instr": "SELECT instr(printf('%.*c', 8000000, 'a'), printf('%.*c', 4000000, 'a') || 'b')",
    "replace": "SELECT length(replace(printf('%.*c', 4000000, 'a'), printf('%.*c', 2000000, 'a') || 'b', 'c'))",
    "like": "SELECT printf('%.*c', 100000, 'a') LIKE '%a%a%a%a%a%a%a%a%b'",
}


def make_shop(path: Path) -> Path:
    """Products and sales, and a table of a thousand rows to multiply."""
    connection = sqlite3.connect(path)
    connection.executescript(
        """
        CREATE TABLE product (product_id INTEGER PRIMARY KEY, name TEXT, price REAL, stock INTEGER);
        CREATE TABLE sale (
            sale_id INTEGER PRIMARY KEY, product_id INTEGER REFERENCES product (product_id), amount INTEGER, city TEXT
        );
        CREATE TABLE big (x INTEGER);
        """
    )
    names = ("lamp", "chair", "table", "shelf", "bed", "rug", "desk", "vase")
    cities = ("Oslo", "Bergen", "Moss")
    connection.executemany(
        "INSERT INTO product VALUES (?, ?, ?, ?)",
        [(number, name, 10.5 * number, 5 + number % 4) for number, name in enumerate(names, 1)],
    )
    connection.executemany(
        "INSERT INTO sale VALUES (?, ?, ?, ?)",
        [(number, 1 + number * 5 % 8, number % 7, cities[number % 3]) for number in range(1, 41)],
    )
    connection.executemany("INSERT INTO big VALUES (?)", [(number,) for number in range(1000)])
    connection.commit()
    connection.close()
    return path
