# SPDX-License-Identifier: MIT
# SQLite's shell: a table with indices, joins, updates, a dump and a rebuild.
. "$SCRIPTS/common.sh"
need sqlite3 sha256sum
rows=$(pick 100000 1000000)
sqlite3 test.db <<EOF
pragma journal_mode = memory;
create table item (id integer primary key, name text, weight real, kind integer);
with recursive n(i) as (select 1 union all select i + 1 from n where i < $rows)
insert into item select i, printf('name %08d %s', i * 7919 % $rows, hex(zeroblob(i % 40))), i * 0.5, i % 97 from n;
create index item_name on item (name);
create index item_kind on item (kind, weight);
select kind, count(*), round(sum(weight), 1), max(name) from item group by kind order by 2, 1 limit 20;
select count(*) from item a join item b on a.kind = b.kind and a.id + 97 = b.id;
update item set name = upper(name) || substr(name, -5) where kind % 3 = 0;
delete from item where kind % 5 = 1;
vacuum;
pragma integrity_check;
EOF
sqlite3 test.db .dump | sha256sum
sqlite3 test.db "select group_concat(name, ',') from (select name from item order by name)" | sha256sum
