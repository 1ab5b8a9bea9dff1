-- Contacts by what they mean: where numbers without a country code are dialled, and the digits that a search looks at.
-- breaks: older versions, which read session.phone_digits.

alter table account add column country text collate "C" check (country ~ '^[A-Z]{2}$');

alter table agent add column country text collate "C" check (country ~ '^[A-Z]{2}$');

alter table session drop column phone_digits;

alter table session add column phone_search text collate "C";

do $$
begin
    if exists (select from pg_extension where extname = 'pg_trgm') then
        create index session_phone_trigrams on session using gin (phone_search gin_trgm_ops);
    end if;
end
$$;

update api_key k set integrations = array(select normalize(trim(i.name)) from unnest(k.integrations) i (name))
where k.integrations <> '{}';

-- How far each rewrite of stored rows has come, in the order of accounts and ids.

create table data_rewrite (
    name text collate "C" primary key,
    last_account uuid,
    last_row uuid,
    is_done boolean not null default false
);

insert into data_rewrite (name) values ('contacts_and_texts');
