//! The command line as data. What a flag leaves open is filled in by [`crate::config`].

use crate::duration;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use dunlin::plan::{DataLoss, Dialect, EditedFiles, InvalidOperations, MissingColumns, Order};
use std::path::PathBuf;
use std::time::Duration;

/// Migrations for PostgreSQL, run in the order that works.
#[derive(Debug, Parser)]
#[command(name = "dunlin", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Results go to stdout; progress, notices and logs go to stderr.\n\
    Exit codes: 0 done, 1 a migration failed, 2 usage or configuration, 3 refused, 5 lock not free,\n\
    6 no connection. `dunlin explain CODE` says what a diagnostic means.")]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args, Default)]
pub(crate) struct Global {
    #[command(flatten)]
    pub(crate) connection: Connection,
    #[command(flatten)]
    pub(crate) project: Project,
    #[command(flatten)]
    pub(crate) policies: Policies,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Connection")]
pub(crate) struct Connection {
    /// The database, as libpq takes it: a URL or `key=value` pairs [env: DATABASE_URL, PG*]
    #[arg(short, long, global = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// A file that holds the URL, such as a mounted secret [env: DATABASE_URL_FILE]
    #[arg(long, global = true, value_name = "FILE", conflicts_with = "database_url")]
    pub(crate) database_url_file: Option<PathBuf>,
    /// The same database without its transaction-pooling proxy [env: DUNLIN_DIRECT_URL]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) direct_url: Option<String>,
    /// A private PostgreSQL from the server programs of this machine; without DIR its data goes at exit
    #[arg(long, global = true, value_name = "DIR", num_args = 0..=1, require_equals = true)]
    #[arg(conflicts_with_all = ["database_url", "database_url_file", "direct_url"])]
    pub(crate) embedded: Option<Option<PathBuf>>,
    /// How long to wait for a server that is not there yet [env: DUNLIN_CONNECT_WAIT] [default: 0]
    #[arg(long, global = true, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) connect_wait: Option<Duration>,
    /// The role that owns new objects [env: DUNLIN_ROLE]
    #[arg(long, global = true, value_name = "ROLE")]
    pub(crate) role: Option<String>,
}

#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Project")]
pub(crate) struct Project {
    /// The folder of migrations [env: DUNLIN_MIGRATIONS] [default: migrations]
    #[arg(short, long, global = true, value_name = "DIR")]
    pub(crate) migrations: Option<PathBuf>,
    /// The configuration file [env: DUNLIN_CONFIG] [default: dunlin.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The section [env.NAME] of the configuration file to use [env: DUNLIN_ENV]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// The schema of Dunlin's own tables [env: DUNLIN_JOURNAL_SCHEMA] [default: dunlin]
    #[arg(long, global = true, value_name = "SCHEMA")]
    pub(crate) journal_schema: Option<String>,
}

impl Global {
    /// Finds flags that exclude each other; clap does not see it when one stands before the command, one behind it.
    pub(crate) fn conflict(&self) -> Option<(&'static str, &'static str)> {
        let Connection { database_url, database_url_file, direct_url, embedded, .. } = &self.connection;
        let url = [
            (database_url.is_some(), "--database-url"),
            (database_url_file.is_some(), "--database-url-file"),
            (direct_url.is_some(), "--direct-url"),
        ];
        let given: Vec<_> = url.iter().filter(|(given, _)| *given).map(|(_, flag)| *flag).collect();
        match given.as_slice() {
            [first, ..] if embedded.is_some() => Some(("--embedded", first)),
            ["--database-url", "--database-url-file", ..] => Some(("--database-url", "--database-url-file")),
            _ if self.output.verbose && self.output.quiet => Some(("--verbose", "--quiet")),
            _ => None,
        }
    }
}

/// Reads one of a policy's values and offers all of them in the help.
fn policy<T>(values: &'static [&'static str]) -> impl TypedValueParser<Value = T>
where
    T: std::str::FromStr<Err = String> + Clone + Send + Sync + 'static,
{
    PossibleValuesParser::new(values).try_map(|text| text.parse::<T>())
}

#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Policies")]
pub(crate) struct Policies {
    /// The strict value of every policy that no flag sets
    #[arg(long, global = true)]
    pub(crate) strict: bool,
    /// Whether operations may move
    #[arg(long, global = true, value_name = "POLICY", value_parser = policy::<Order>(Order::VALUES))]
    #[arg(hide_short_help = true)]
    pub(crate) order: Option<Order>,
    /// What to do about columns that are declared and not there
    #[arg(long, global = true, value_name = "POLICY", value_parser = policy::<MissingColumns>(MissingColumns::VALUES))]
    #[arg(hide_short_help = true)]
    pub(crate) missing_columns: Option<MissingColumns>,
    /// What to do about operations that cannot run
    #[arg(long, global = true, value_name = "POLICY", value_parser = policy::<InvalidOperations>(InvalidOperations::VALUES))]
    #[arg(hide_short_help = true)]
    pub(crate) invalid_operations: Option<InvalidOperations>,
    /// What to do about files that were edited after they were applied
    #[arg(long, global = true, value_name = "POLICY", value_parser = policy::<EditedFiles>(EditedFiles::VALUES))]
    #[arg(hide_short_help = true)]
    pub(crate) edited_files: Option<EditedFiles>,
    /// Which SQL is read
    #[arg(long, global = true, value_name = "POLICY", value_parser = policy::<Dialect>(Dialect::VALUES))]
    #[arg(hide_short_help = true)]
    pub(crate) dialect: Option<Dialect>,
    /// What to do about statements that lose rows or columns
    #[arg(long, global = true, value_name = "POLICY", value_parser = policy::<DataLoss>(DataLoss::VALUES))]
    #[arg(hide_short_help = true)]
    pub(crate) data_loss: Option<DataLoss>,
}

#[derive(Debug, Args, Default)]
#[command(next_help_heading = "Output")]
pub(crate) struct Output {
    /// How results are written; sql, github and sarif where a command has them
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true
    )]
    pub(crate) format: Format,
    /// How progress and logs are written: text or json
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t,
        hide_possible_values = true
    )]
    pub(crate) log_format: LogFormat,
    /// Say more
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Say nothing but results, warnings and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// When to use colour: auto, always or never [env: NO_COLOR, CLICOLOR_FORCE]
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true
    )]
    pub(crate) color: Color,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Text,
    Json,
    Sql,
    Github,
    Sarif,
}

impl Format {
    /// Gives the format as it is written.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Json => "json",
            Format::Sql => "sql",
            Format::Github => "github",
            Format::Sarif => "sarif",
        }
    }
}

/// How progress and logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum LogFormat {
    #[default]
    Text,
    Json,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring the database up to date
    Up(Up),
    /// Show what `up` would do, and why
    Plan(Plan),
    /// Analyse the files alone, without a database
    Check(Check),
    /// Show what is applied, pending, failed, skipped
    Status(Status),
    /// Show SQL, state and errors of a migration
    Show(Show),
    /// Never run an operation (recorded in the journal)
    Skip(Skip),
    /// Record migrations that are in the database already
    Adopt(Adopt),
    /// Look at configuration, server, privileges and journal
    Doctor,
    /// Make a new migration file; its path goes to stdout
    New(New),
    /// Say what a diagnostic code means
    Explain(Explain),
}

#[derive(Debug, Args)]
pub(crate) struct LockWait {
    /// How long to wait while another Dunlin works on the database [env: DUNLIN_LOCK_WAIT] [default: 10m]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub(crate) lock_wait: Option<Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct Up {
    /// Stop after this migration
    #[arg(long, value_name = "ID")]
    pub(crate) to: Option<String>,
    /// Show the plan and change nothing (the same as `dunlin plan`)
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Refuse if the plan is not the one in this file any more (see `plan --out`)
    #[arg(long, value_name = "FILE")]
    pub(crate) plan: Option<PathBuf>,
    /// After a failure go on with what does not depend on it
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Cancel sessions that hold locks which a migration waits for, where the role may
    #[arg(long)]
    pub(crate) cancel_blockers: bool,
    /// Exit 3 if something is skipped or held
    #[arg(long)]
    pub(crate) fail_on_skip: bool,
    #[command(flatten)]
    pub(crate) lock: LockWait,
}

#[derive(Debug, Args)]
pub(crate) struct Plan {
    /// Stop after this migration
    #[arg(long, value_name = "ID")]
    pub(crate) to: Option<String>,
    /// Write the plan (JSON) to this file, for `up --plan`
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// Exit 10 if something is pending
    #[arg(long)]
    pub(crate) exit_code: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Start from this schema (a file of SQL or a database's URL) instead of an empty database
    #[arg(long, value_name = "FILE|URL")]
    pub(crate) from: Option<String>,
    /// Repair mangled dollar quotes in the files, and show what was changed
    #[arg(long)]
    pub(crate) fix: bool,
    /// Run the set at once and step by step on private servers, and compare the schemas
    #[arg(long, conflicts_with = "from")]
    pub(crate) converge: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Follow the run that is under way to its end, then show the state; progress goes to stderr
    #[arg(long)]
    pub(crate) watch: bool,
    /// Only say whether a run is under way, and whose: exit 0 if so, 1 if not
    #[arg(long, conflicts_with = "watch")]
    pub(crate) running: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The migration
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct Skip {
    /// The operation, such as 0004_seed#2
    #[arg(value_name = "ID#N")]
    pub(crate) operation: String,
    #[command(flatten)]
    pub(crate) lock: LockWait,
}

#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// The migrations to record as applied
    #[arg(value_name = "ID", required_unless_present = "all")]
    pub(crate) ids: Vec<String>,
    /// Record every migration whose operations the database proves
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) lock: LockWait,
}

#[derive(Debug, Args)]
pub(crate) struct New {
    /// What the migration does, such as add_users
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The code, such as DN203; none lists all
    pub(crate) code: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_documentation_names_every_flag() {
        let page = include_str!("../../../docs/commands.md");
        let mut command = Cli::command();
        command.build();
        let commands = command.get_subcommands().filter(|command| command.get_name() != "help");
        for command in commands {
            assert!(page.contains(&format!("`dunlin {}", command.get_name())), "{}", command.get_name());
            let usual = ["help", "version", "verbose", "quiet"];
            let flags = command.get_arguments().filter_map(|flag| flag.get_long());
            for flag in flags.filter(|flag| !usual.contains(flag)) {
                assert!(page.contains(&format!("--{flag}")), "{} --{flag}", command.get_name());
            }
        }
    }

    #[test]
    fn embedded_takes_a_folder_only_with_an_equals_sign() {
        let cli = Cli::try_parse_from(["dunlin", "--embedded", "up"]).unwrap();
        assert_eq!(cli.global.connection.embedded, Some(None));
        let cli = Cli::try_parse_from(["dunlin", "up", "--embedded=data"]).unwrap();
        assert_eq!(cli.global.connection.embedded, Some(Some("data".into())));
    }

    #[test]
    fn flags_that_exclude_each_other_are_found_on_both_sides_of_the_command() {
        let conflict = |arguments: &[&str]| {
            let all = ["dunlin"].iter().chain(arguments);
            Cli::try_parse_from(all).map_or(Some(("", "")), |cli| cli.global.conflict())
        };
        assert!(conflict(&["--embedded", "up", "-d", "x"]).is_some());
        assert!(conflict(&["--database-url-file", "f", "up", "-d", "x"]).is_some());
        assert!(conflict(&["-v", "up", "-q"]).is_some());
        assert!(conflict(&["up", "-v", "-q"]).is_some());
        assert_eq!(conflict(&["-v", "up", "-d", "x", "--direct-url", "y"]), None);
    }

    #[test]
    fn policies_are_flags() {
        let cli = Cli::try_parse_from(["dunlin", "plan", "--order", "files", "--dialect=repair", "--strict"])
            .unwrap();
        assert_eq!(cli.global.policies.order, Some(Order::Files));
        assert_eq!(cli.global.policies.dialect, Some(Dialect::Repair));
        assert!(cli.global.policies.strict);
        assert!(Cli::try_parse_from(["dunlin", "plan", "--order", "random"]).is_err());
    }
}
