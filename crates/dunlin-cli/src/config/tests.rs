use super::*;
use crate::args::Cli;
use clap::Parser as _;
use dunlin::plan::{Dialect, Order};

const FILE: &str = "
database-url = 'postgres://${WHO}@file/db'
migrations = 'db/migrations'
connect-wait = '5s'
[policy]
order = 'files'
dialect = 'repair'
[env.ci]
database-url = 'postgres://ci/db'
[env.secret]
database-url = '${NOT_SET}'
";

fn global(flags: &[&str]) -> Global {
    let arguments = ["dunlin", "status"].iter().chain(flags);
    Cli::try_parse_from(arguments).unwrap().global
}

fn environment_of(variables: &[(&str, &str)]) -> Environment {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Environment { variables, ..Environment::default() }
}

fn with<R>(
    flags: &[&str],
    variables: &[(&str, &str)],
    section: Option<&str>,
    work: impl Fn(&Layers<'_>) -> R,
) -> R {
    let (global, environment) = (global(flags), environment_of(variables));
    let file = ConfigFile::parse(Path::new("conf/dunlin.toml"), FILE, section).unwrap();
    work(&Layers { global: &global, environment: &environment, file })
}

fn url(flags: &[&str], variables: &[(&str, &str)], section: Option<&str>) -> Result<String, String> {
    with(flags, variables, section, |layers| {
        layers.database_url().map(|url| url.text).map_err(|error| error.to_string())
    })
}

#[test]
fn policies_a_flag_before_strict_before_environment_before_file() {
    let policy = |flags: &[&str], variables: &[(&str, &str)]| {
        with(flags, variables, None, |layers| layers.settings(None).unwrap().policy)
    };
    assert_eq!(policy(&[], &[]).order, Order::Files);
    assert_eq!(policy(&[], &[("DUNLIN_ORDER", "dependencies")]).order, Order::Dependencies);
    assert_eq!(policy(&["--strict"], &[("DUNLIN_ORDER", "dependencies")]).order, Order::Files);
    assert_eq!(policy(&["--strict", "--order", "dependencies"], &[]).order, Order::Dependencies);
    assert_eq!(policy(&["--strict"], &[]).dialect, Dialect::Postgres);
    assert_eq!(policy(&[], &[]).dialect, Dialect::Repair);
    assert_eq!(policy(&[], &[("DUNLIN_ORDER", "")]).order, Order::Files, "empty is as good as unset");
}

#[test]
fn a_wrong_value_names_where_it_stands() {
    let error = with(&[], &[("DUNLIN_ORDER", "fils")], None, |layers| layers.settings(None).unwrap_err());
    assert_eq!(error.to_string(), "DUNLIN_ORDER: `fils` is none of dependencies, files");
    let error = with(&[], &[("DUNLIN_LOCK_WAIT", "3")], None, |layers| layers.settings(None).unwrap_err());
    assert!(error.to_string().starts_with("DUNLIN_LOCK_WAIT: `3` lacks a unit"), "{error}");
}

#[test]
fn the_folder_in_the_file_is_relative_to_the_file() {
    let folder = |flags: &[&str], variables: &[(&str, &str)]| {
        with(flags, variables, None, |layers| layers.settings(None).unwrap().migrations_shown)
    };
    assert_eq!(folder(&[], &[]), "conf/db/migrations");
    assert_eq!(folder(&[], &[("DUNLIN_MIGRATIONS", "m")]), "m");
    assert_eq!(folder(&["-m", "./x"], &[("DUNLIN_MIGRATIONS", "m")]), "x");
    assert_eq!(folder(&["-m", "."], &[]), ".");
}

#[test]
fn the_database_comes_from_the_nearest_place() {
    let who = ("WHO", "me");
    assert_eq!(url(&[], &[who], None).unwrap(), "postgres://me@file/db");
    assert_eq!(url(&[], &[who], Some("ci")).unwrap(), "postgres://ci/db");
    assert_eq!(url(&[], &[("DATABASE_URL", "env")], None).unwrap(), "env");
    assert_eq!(url(&["-d", "flag"], &[("DATABASE_URL", "env")], None).unwrap(), "flag");
    // A value that is not used may name what is not set.
    assert_eq!(url(&["-d", "flag"], &[], Some("secret")).unwrap(), "flag");
    assert_eq!(
        url(&[], &[], Some("secret")).unwrap_err(),
        "conf/dunlin.toml:11: the environment variable NOT_SET is not set"
    );
}

#[test]
fn a_url_file_is_read_without_its_line_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("url");
    std::fs::write(&path, "postgres://h/db\n").unwrap();
    let path = path.to_str().unwrap();
    assert_eq!(
        url(&["--database-url-file", path], &[("DATABASE_URL", "env")], None).unwrap(),
        "postgres://h/db"
    );
    assert_eq!(url(&[], &[("DATABASE_URL_FILE", path)], None).unwrap(), "postgres://h/db");
    assert_eq!(url(&[], &[("DATABASE_URL_FILE", path), ("DATABASE_URL", "env")], None).unwrap(), "env");
    std::fs::write(path, "\n").unwrap();
    assert!(url(&["--database-url-file", path], &[], None).unwrap_err().ends_with("is empty"));
}

#[test]
fn pg_variables_are_enough_and_nothing_is_an_error() {
    let (global, file) = (global(&[]), ConfigFile::default());
    let environment = environment_of(&[("PGHOST", "h")]);
    let layers = Layers { global: &global, environment: &environment, file };
    assert_eq!(layers.database_url().unwrap(), DatabaseUrl { text: String::new(), origin: "PGHOST".into() });
    let environment = environment_of(&[]);
    let layers = Layers { global: &global, environment: &environment, file: ConfigFile::default() };
    let error = layers.database_url().unwrap_err();
    assert_eq!(error, ConfigError::NoDatabase);
    assert!(error.help().unwrap().contains("DATABASE_URL"));
}

#[test]
fn an_environment_that_hides_a_chosen_section_is_said() {
    let section = |flags: &[&str], url: &str| {
        with(flags, &[("DATABASE_URL", url)], Some("ci"), |layers| layers.overridden_section())
    };
    assert!(section(&["--env", "ci"], "postgres://prod/db").unwrap().contains("DATABASE_URL goes before"));
    assert_eq!(section(&["--env", "ci"], "postgres://ci/db"), None);
    assert_eq!(section(&["--env", "ci", "-d", "x"], "postgres://prod/db"), None);
}
