//! What the user lets Dunlin do (design, section 3, "Policies").

use serde::{Deserialize, Serialize};

macro_rules! policy {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// Every value as it is written.
            pub const VALUES: &'static [&'static str] = &[$($text,)*];

            /// Gives the value as it is written.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok($name::$variant),)*
                    _ => Err(format!("`{text}` is none of {}", Self::VALUES.join(", "))),
                }
            }
        }
    };
}

policy! {
    /// Key `order`.
    Order {
        /// Reorder where needed.
        #[default] Dependencies = "dependencies",
        /// Refuse when file order does not work.
        Files = "files",
    }
}
policy! {
    /// Key `missing-columns`.
    MissingColumns {
        /// Add what a declaration promises and its table lacks.
        #[default] Ensure = "ensure",
        /// Report it only.
        Report = "report",
    }
}
policy! {
    /// Key `invalid-operations`.
    InvalidOperations {
        /// Skip and log.
        #[default] Skip = "skip",
        /// Fail before anything runs.
        Fail = "fail",
    }
}
policy! {
    /// Key `edited-files`.
    EditedFiles {
        /// New statements that only add run (rule 9).
        #[default] Additive = "additive",
        /// Refuse.
        Refuse = "refuse",
    }
}
policy! {
    /// Key `dialect`.
    Dialect {
        /// Lenient forms run as meant (rule 10).
        #[default] Lenient = "lenient",
        /// Mangled dollar quotes are repaired as well.
        Repair = "repair",
        /// PostgreSQL's grammar and nothing else.
        Postgres = "postgres",
    }
}
policy! {
    /// Key `data-loss`.
    DataLoss {
        /// Let it through, with a warning.
        #[default] Allow = "allow",
        /// Refuse.
        Refuse = "refuse",
    }
}

/// All policies of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Policy {
    /// Whether operations may move.
    pub order: Order,
    /// What to do about declared columns that are not there.
    pub missing_columns: MissingColumns,
    /// What to do about operations that cannot run.
    pub invalid_operations: InvalidOperations,
    /// What to do about files that were edited after they were applied.
    pub edited_files: EditedFiles,
    /// Which SQL is read.
    pub dialect: Dialect,
    /// What to do about statements that lose rows or columns.
    pub data_loss: DataLoss,
}

impl Policy {
    /// The policies that `--strict` sets.
    pub fn strict() -> Policy {
        Policy {
            order: Order::Files,
            missing_columns: MissingColumns::Report,
            invalid_operations: InvalidOperations::Fail,
            edited_files: EditedFiles::Refuse,
            dialect: Dialect::Postgres,
            data_loss: DataLoss::Refuse,
        }
    }
}
