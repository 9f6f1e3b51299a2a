//! What PostgreSQL calls a statement: its command tag, and the words of DROP and ALTER.

use crate::syntax::{NodeEnum, protobuf};
use protobuf::ObjectType;

/// Names the statement as PostgreSQL's command tags do.
pub(super) fn command_tag(node: &NodeEnum) -> &'static str {
    match node {
        NodeEnum::SelectStmt(select) if select.into_clause.is_some() => "SELECT INTO",
        NodeEnum::SelectStmt(_) => "SELECT",
        NodeEnum::InsertStmt(_) => "INSERT",
        NodeEnum::UpdateStmt(_) => "UPDATE",
        NodeEnum::DeleteStmt(_) => "DELETE",
        NodeEnum::MergeStmt(_) => "MERGE",
        NodeEnum::TruncateStmt(_) => "TRUNCATE TABLE",
        NodeEnum::CopyStmt(_) => "COPY",
        NodeEnum::DoStmt(_) => "DO",
        NodeEnum::CallStmt(_) => "CALL",
        NodeEnum::ExplainStmt(_) => "EXPLAIN",
        NodeEnum::CreateStmt(_) => "CREATE TABLE",
        NodeEnum::CreateForeignTableStmt(_) => "CREATE FOREIGN TABLE",
        NodeEnum::CreateTableAsStmt(node) if node.objtype() == ObjectType::ObjectMatview => {
            "CREATE MATERIALIZED VIEW"
        }
        NodeEnum::CreateTableAsStmt(_) => "CREATE TABLE AS",
        NodeEnum::AlterTableStmt(node) => alter_tag(node.objtype()),
        NodeEnum::RenameStmt(node) if node.relation.is_some() && node.relation_type != 0 => {
            match node.rename_type() {
                ObjectType::ObjectColumn | ObjectType::ObjectTabconstraint => alter_tag(node.relation_type()),
                kind => alter_tag(kind),
            }
        }
        NodeEnum::RenameStmt(node) => alter_tag(node.rename_type()),
        NodeEnum::AlterObjectSchemaStmt(node) => alter_tag(node.object_type()),
        NodeEnum::AlterOwnerStmt(node) => alter_tag(node.object_type()),
        NodeEnum::AlterObjectDependsStmt(node) => alter_tag(node.object_type()),
        NodeEnum::DropStmt(node) => drop_tag(node.remove_type()),
        NodeEnum::IndexStmt(_) => "CREATE INDEX",
        NodeEnum::ViewStmt(_) => "CREATE VIEW",
        NodeEnum::RefreshMatViewStmt(_) => "REFRESH MATERIALIZED VIEW",
        NodeEnum::CreateSeqStmt(_) => "CREATE SEQUENCE",
        NodeEnum::AlterSeqStmt(_) => "ALTER SEQUENCE",
        NodeEnum::CreateSchemaStmt(_) => "CREATE SCHEMA",
        NodeEnum::CreateEnumStmt(_) | NodeEnum::CompositeTypeStmt(_) | NodeEnum::CreateRangeStmt(_) => {
            "CREATE TYPE"
        }
        NodeEnum::AlterEnumStmt(_) | NodeEnum::AlterTypeStmt(_) => "ALTER TYPE",
        NodeEnum::CreateDomainStmt(_) => "CREATE DOMAIN",
        NodeEnum::AlterDomainStmt(_) => "ALTER DOMAIN",
        NodeEnum::DefineStmt(node) => define_tag(node.kind()),
        NodeEnum::CreateFunctionStmt(node) if node.is_procedure => "CREATE PROCEDURE",
        NodeEnum::CreateFunctionStmt(_) => "CREATE FUNCTION",
        NodeEnum::AlterFunctionStmt(node) => alter_tag(node.objtype()),
        NodeEnum::CreateTrigStmt(_) => "CREATE TRIGGER",
        NodeEnum::CreateEventTrigStmt(_) => "CREATE EVENT TRIGGER",
        NodeEnum::CreatePolicyStmt(_) => "CREATE POLICY",
        NodeEnum::AlterPolicyStmt(_) => "ALTER POLICY",
        NodeEnum::RuleStmt(_) => "CREATE RULE",
        NodeEnum::CreateExtensionStmt(_) => "CREATE EXTENSION",
        NodeEnum::AlterExtensionStmt(_) | NodeEnum::AlterExtensionContentsStmt(_) => "ALTER EXTENSION",
        _ => other_tag(node),
    }
}

fn other_tag(node: &NodeEnum) -> &'static str {
    match node {
        NodeEnum::CommentStmt(_) => "COMMENT",
        NodeEnum::SecLabelStmt(_) => "SECURITY LABEL",
        NodeEnum::GrantStmt(node) if node.is_grant => "GRANT",
        NodeEnum::GrantStmt(_) => "REVOKE",
        NodeEnum::GrantRoleStmt(node) if node.is_grant => "GRANT ROLE",
        NodeEnum::GrantRoleStmt(_) => "REVOKE ROLE",
        NodeEnum::AlterDefaultPrivilegesStmt(_) => "ALTER DEFAULT PRIVILEGES",
        NodeEnum::CreateRoleStmt(_) => "CREATE ROLE",
        NodeEnum::AlterRoleStmt(_) | NodeEnum::AlterRoleSetStmt(_) => "ALTER ROLE",
        NodeEnum::DropRoleStmt(_) => "DROP ROLE",
        NodeEnum::DropOwnedStmt(_) => "DROP OWNED",
        NodeEnum::ReassignOwnedStmt(_) => "REASSIGN OWNED",
        NodeEnum::VariableSetStmt(node)
            if matches!(
                node.kind(),
                protobuf::VariableSetKind::VarReset | protobuf::VariableSetKind::VarResetAll
            ) =>
        {
            "RESET"
        }
        NodeEnum::VariableSetStmt(_) => "SET",
        NodeEnum::VariableShowStmt(_) => "SHOW",
        NodeEnum::ConstraintsSetStmt(_) => "SET CONSTRAINTS",
        NodeEnum::TransactionStmt(node) => transaction_tag(node.kind()),
        NodeEnum::LockStmt(_) => "LOCK TABLE",
        NodeEnum::DiscardStmt(_) => "DISCARD",
        NodeEnum::ListenStmt(_) => "LISTEN",
        NodeEnum::UnlistenStmt(_) => "UNLISTEN",
        NodeEnum::NotifyStmt(_) => "NOTIFY",
        NodeEnum::LoadStmt(_) => "LOAD",
        NodeEnum::CheckPointStmt(_) => "CHECKPOINT",
        NodeEnum::VacuumStmt(node) if node.is_vacuumcmd => "VACUUM",
        NodeEnum::VacuumStmt(_) => "ANALYZE",
        NodeEnum::ReindexStmt(_) => "REINDEX",
        NodeEnum::ClusterStmt(_) => "CLUSTER",
        NodeEnum::PrepareStmt(_) => "PREPARE",
        NodeEnum::ExecuteStmt(_) => "EXECUTE",
        NodeEnum::DeallocateStmt(_) => "DEALLOCATE",
        NodeEnum::DeclareCursorStmt(_) => "DECLARE CURSOR",
        NodeEnum::ClosePortalStmt(_) => "CLOSE CURSOR",
        NodeEnum::FetchStmt(_) => "FETCH",
        NodeEnum::AlterSystemStmt(_) => "ALTER SYSTEM",
        NodeEnum::CreatedbStmt(_) => "CREATE DATABASE",
        NodeEnum::DropdbStmt(_) => "DROP DATABASE",
        NodeEnum::AlterDatabaseStmt(_) | NodeEnum::AlterDatabaseSetStmt(_) => "ALTER DATABASE",
        NodeEnum::CreateTableSpaceStmt(_) => "CREATE TABLESPACE",
        NodeEnum::DropTableSpaceStmt(_) => "DROP TABLESPACE",
        NodeEnum::AlterTableSpaceOptionsStmt(_) => "ALTER TABLESPACE",
        NodeEnum::CreatePublicationStmt(_) => "CREATE PUBLICATION",
        NodeEnum::AlterPublicationStmt(_) => "ALTER PUBLICATION",
        NodeEnum::CreateSubscriptionStmt(_) => "CREATE SUBSCRIPTION",
        NodeEnum::AlterSubscriptionStmt(_) => "ALTER SUBSCRIPTION",
        NodeEnum::DropSubscriptionStmt(_) => "DROP SUBSCRIPTION",
        NodeEnum::CreateFdwStmt(_) => "CREATE FOREIGN DATA WRAPPER",
        NodeEnum::AlterFdwStmt(_) => "ALTER FOREIGN DATA WRAPPER",
        NodeEnum::CreateForeignServerStmt(_) => "CREATE SERVER",
        NodeEnum::AlterForeignServerStmt(_) => "ALTER SERVER",
        NodeEnum::CreateUserMappingStmt(_) => "CREATE USER MAPPING",
        NodeEnum::AlterUserMappingStmt(_) => "ALTER USER MAPPING",
        NodeEnum::DropUserMappingStmt(_) => "DROP USER MAPPING",
        NodeEnum::ImportForeignSchemaStmt(_) => "IMPORT FOREIGN SCHEMA",
        NodeEnum::CreateStatsStmt(_) => "CREATE STATISTICS",
        NodeEnum::AlterStatsStmt(_) => "ALTER STATISTICS",
        NodeEnum::CreateCastStmt(_) => "CREATE CAST",
        NodeEnum::CreateTransformStmt(_) => "CREATE TRANSFORM",
        NodeEnum::CreateConversionStmt(_) => "CREATE CONVERSION",
        NodeEnum::CreateOpClassStmt(_) => "CREATE OPERATOR CLASS",
        NodeEnum::CreateOpFamilyStmt(_) => "CREATE OPERATOR FAMILY",
        NodeEnum::AlterOpFamilyStmt(_) => "ALTER OPERATOR FAMILY",
        NodeEnum::AlterOperatorStmt(_) => "ALTER OPERATOR",
        NodeEnum::AlterCollationStmt(_) => "ALTER COLLATION",
        NodeEnum::AlterEventTrigStmt(_) => "ALTER EVENT TRIGGER",
        NodeEnum::AlterTsdictionaryStmt(_) => "ALTER TEXT SEARCH DICTIONARY",
        NodeEnum::AlterTsconfigurationStmt(_) => "ALTER TEXT SEARCH CONFIGURATION",
        NodeEnum::CreatePlangStmt(_) => "CREATE LANGUAGE",
        NodeEnum::CreateAmStmt(_) => "CREATE ACCESS METHOD",
        _ => "SQL",
    }
}

fn transaction_tag(kind: protobuf::TransactionStmtKind) -> &'static str {
    use protobuf::TransactionStmtKind as Kind;
    match kind {
        Kind::TransStmtBegin => "BEGIN",
        Kind::TransStmtStart => "START TRANSACTION",
        Kind::TransStmtCommit => "COMMIT",
        Kind::TransStmtSavepoint => "SAVEPOINT",
        Kind::TransStmtRelease => "RELEASE",
        Kind::TransStmtPrepare => "PREPARE TRANSACTION",
        Kind::TransStmtCommitPrepared => "COMMIT PREPARED",
        Kind::TransStmtRollbackPrepared => "ROLLBACK PREPARED",
        _ => "ROLLBACK",
    }
}

macro_rules! words {
    ($name:ident, $verb:literal) => {
        fn $name(kind: ObjectType) -> &'static str {
            match kind {
                ObjectType::ObjectAccessMethod => concat!($verb, " ACCESS METHOD"),
                ObjectType::ObjectAggregate => concat!($verb, " AGGREGATE"),
                ObjectType::ObjectCast => concat!($verb, " CAST"),
                ObjectType::ObjectCollation => concat!($verb, " COLLATION"),
                ObjectType::ObjectConversion => concat!($verb, " CONVERSION"),
                ObjectType::ObjectDatabase => concat!($verb, " DATABASE"),
                ObjectType::ObjectDomain | ObjectType::ObjectDomconstraint => concat!($verb, " DOMAIN"),
                ObjectType::ObjectEventTrigger => concat!($verb, " EVENT TRIGGER"),
                ObjectType::ObjectExtension => concat!($verb, " EXTENSION"),
                ObjectType::ObjectFdw => concat!($verb, " FOREIGN DATA WRAPPER"),
                ObjectType::ObjectForeignServer => concat!($verb, " SERVER"),
                ObjectType::ObjectForeignTable => concat!($verb, " FOREIGN TABLE"),
                ObjectType::ObjectFunction => concat!($verb, " FUNCTION"),
                ObjectType::ObjectIndex => concat!($verb, " INDEX"),
                ObjectType::ObjectLanguage => concat!($verb, " LANGUAGE"),
                ObjectType::ObjectMatview => concat!($verb, " MATERIALIZED VIEW"),
                ObjectType::ObjectOpclass => concat!($verb, " OPERATOR CLASS"),
                ObjectType::ObjectOperator => concat!($verb, " OPERATOR"),
                ObjectType::ObjectOpfamily => concat!($verb, " OPERATOR FAMILY"),
                ObjectType::ObjectPolicy => concat!($verb, " POLICY"),
                ObjectType::ObjectProcedure => concat!($verb, " PROCEDURE"),
                ObjectType::ObjectPublication => concat!($verb, " PUBLICATION"),
                ObjectType::ObjectRole => concat!($verb, " ROLE"),
                ObjectType::ObjectRoutine => concat!($verb, " ROUTINE"),
                ObjectType::ObjectRule => concat!($verb, " RULE"),
                ObjectType::ObjectSchema => concat!($verb, " SCHEMA"),
                ObjectType::ObjectSequence => concat!($verb, " SEQUENCE"),
                ObjectType::ObjectStatisticExt => concat!($verb, " STATISTICS"),
                ObjectType::ObjectSubscription => concat!($verb, " SUBSCRIPTION"),
                ObjectType::ObjectTablespace => concat!($verb, " TABLESPACE"),
                ObjectType::ObjectTransform => concat!($verb, " TRANSFORM"),
                ObjectType::ObjectTrigger => concat!($verb, " TRIGGER"),
                ObjectType::ObjectTsconfiguration => concat!($verb, " TEXT SEARCH CONFIGURATION"),
                ObjectType::ObjectTsdictionary => concat!($verb, " TEXT SEARCH DICTIONARY"),
                ObjectType::ObjectTsparser => concat!($verb, " TEXT SEARCH PARSER"),
                ObjectType::ObjectTstemplate => concat!($verb, " TEXT SEARCH TEMPLATE"),
                ObjectType::ObjectType | ObjectType::ObjectAttribute => concat!($verb, " TYPE"),
                ObjectType::ObjectView => concat!($verb, " VIEW"),
                _ => concat!($verb, " TABLE"),
            }
        }
    };
}

words!(alter_tag, "ALTER");
words!(drop_tag, "DROP");
words!(define_tag, "CREATE");
