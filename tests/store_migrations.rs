//! The schema on both back ends: brought up to date, refused when it is newer, the same on either.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on should stop here")]

#[path = "support/postgres.rs"]
mod postgres_server;
use postgres_server as postgres;
#[macro_use]
#[path = "support/store_fixture.rs"]
mod fixture;

use fixture::{Place, keyframe, started, table, telemetry};
use hmrs::store::{FrameFilter, StoreError, migrate};

on_both! {
    migrations_may_be_applied_by_many_at_once
    a_database_of_a_newer_program_is_refused
    a_database_of_an_older_program_is_brought_up_to_date_with_all_that_is_in_it
    migrations_go_down_and_up_again
}

async fn migrations_may_be_applied_by_many_at_once(place: Place) {
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(|| migrate(&place.url))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let applied: usize = results.into_iter().map(|result| result.unwrap().len()).sum();
    assert_eq!(applied, migration_names("sqlite").len(), "each migration was applied once");
}

async fn a_database_of_a_newer_program_is_refused(place: Place) {
    migrate(&place.url).unwrap();
    place.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000001')");
    let error = migrate(&place.url).unwrap_err();
    assert!(matches!(&error, StoreError::SchemaTooNew { found, .. } if found == "29990101000001"), "{error}");
    assert!(error.to_string().contains("run a newer hmrs"), "{error}");
    assert!(!error.is_worth_retrying());
}

async fn a_database_of_an_older_program_is_brought_up_to_date_with_all_that_is_in_it(place: Place) {
    let kind = if place.is_sqlite() { "sqlite" } else { "postgres" };
    if place.is_sqlite() {
        std::fs::create_dir_all(std::path::Path::new(&place.address).parent().unwrap()).unwrap();
    }
    // As the first program left it.
    let names = migration_names(kind);
    let version: String =
        names[0].chars().take_while(|letter| *letter != '_').filter(|letter| *letter != '-').collect();
    place.execute(&migration(kind, &names[0], "up.sql"));
    place.execute(&format!(
        "CREATE TABLE __diesel_schema_migrations (version VARCHAR(50) PRIMARY KEY NOT NULL, \
             run_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP); \
         INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}'); \
         INSERT INTO runs VALUES ('old', 'default', 'flock', '', '7', 0.04, '0.1.0', 'test', 1, 2, 5, 'complete', NULL, 3); \
         INSERT INTO telemetry VALUES ('old', 5, 'scout-1', 1, 2, 3, 0, 0, 0, 90, 50, 'hold', 'in_air', true, NULL, NULL); \
         INSERT INTO metrics VALUES ('old', 5, 4, '{{}}')"
    ));
    assert_eq!(migrate(&place.url).unwrap().len(), names.len() - 1);
    let store = place.store();
    assert_eq!(store.run("old").unwrap().unwrap().parent, None);
    let frames = store.frames("old", &FrameFilter::default()).unwrap();
    assert_eq!((frames.len(), frames[0].drones[0].position), (1, [1.0, 2.0, 3.0]));
    let drones = table(1, 2, None);
    place.write([started("new", 9), telemetry("new", 1, &drones), keyframe("new", 1)]).await;
    assert_eq!(place.count("SELECT * FROM telemetry"), 3);
}

async fn migrations_go_down_and_up_again(place: Place) {
    migrate(&place.url).unwrap();
    let kind = if place.is_sqlite() { "sqlite" } else { "postgres" };
    for name in migration_names(kind).iter().rev() {
        place.execute(&migration(kind, name, "down.sql"));
    }
    for name in &migration_names(kind) {
        place.execute(&migration(kind, name, "up.sql"));
    }
    place.write([started("r", 1)]).await;
    assert!(place.store().run("r").unwrap().is_some());
}

/// Both folders tell the same story: same migrations, same tables, same columns in the same order.
#[test]
fn both_back_ends_have_the_same_columns() {
    assert_eq!(migration_names("sqlite"), migration_names("postgres"));
    let (sqlite, postgres) = (Place::sqlite(), Place::postgres());
    migrate(&sqlite.url).unwrap();
    migrate(&postgres.url).unwrap();
    let schema = include_str!("../src/store/schema.rs");
    for table in schema.split("diesel::table! {").skip(1) {
        let mut lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
        let name = lines.next().unwrap().split(' ').next().unwrap();
        let columns = lines.map_while(|line| line.split_once(" -> "));
        let columns: Vec<(usize, &str, bool)> = columns
            .enumerate()
            .map(|(index, (column, kind))| (index, column, kind.starts_with("Nullable")))
            .collect();
        assert!(columns.len() > 1, "{name}");
        for (index, column, nullable) in &columns {
            let not_null = i32::from(!nullable);
            let query = format!(
                "SELECT * FROM pragma_table_info('{name}') WHERE cid = {index} AND name = '{column}' AND \"notnull\" = {not_null}"
            );
            assert_eq!(sqlite.count(&query), 1, "SQLite: {name}.{column}");
            let (position, is_nullable) = (index + 1, if *nullable { "YES" } else { "NO" });
            let query = format!(
                "SELECT 1 FROM information_schema.columns WHERE table_name = '{name}' AND column_name = '{column}' \
                 AND ordinal_position = {position} AND is_nullable = '{is_nullable}'"
            );
            assert_eq!(postgres.count(&query), 1, "PostgreSQL: {name}.{column}");
        }
        let count = columns.len() as i64;
        assert_eq!(sqlite.count(&format!("SELECT * FROM pragma_table_info('{name}')")), count, "{name}");
    }
}

fn migration_names(kind: &str) -> Vec<String> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn migration(kind: &str, name: &str, file: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(kind);
    std::fs::read_to_string(folder.join(name).join(file)).unwrap()
}
