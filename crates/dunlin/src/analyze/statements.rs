//! How well each family of statement is understood: the table from which `docs/statements.md` is made.
//!
//! A new kind of statement gets its line here and its method in `dispatch`; the tests hold the two together, and the
//! table to the grammar.

/// How well a statement is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// What it needs, makes, changes, drops and locks is known, and the catalog after it is the server's.
    Exact,
    /// What it needs is known; some of what it changes is not in the catalog, or depends on what it holds.
    Partial,
    /// What it changes cannot be said: a barrier, after which the catalog is read anew.
    Opaque,
}

/// A family of statements.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// The node of the grammar (`NodeEnum`).
    pub node: &'static str,
    /// The command, as the SQL reference of PostgreSQL names it.
    pub command: &'static str,
    /// How well it is understood.
    pub level: Level,
    /// What is to be said about that.
    pub remark: &'static str,
    /// A statement of it.
    pub example: &'static str,
}

macro_rules! families {
    ($($node:ident $command:literal $level:ident $remark:literal $example:literal;)*) => {
        /// Every family of statement that the grammar of PostgreSQL 18 has.
        pub const FAMILIES: &[Family] = &[$(Family {
            node: stringify!($node), command: $command, level: Level::$level, remark: $remark, example: $example,
        },)*];
    };
}

families! {
    SelectStmt "SELECT" Exact ""
        "select id from t";
    SelectStmt "SELECT INTO" Exact ""
        "select id into u from t";
    SelectStmt "VALUES" Exact ""
        "values (1), (2)";
    InsertStmt "INSERT" Exact ""
        "insert into t (id) values (1)";
    UpdateStmt "UPDATE" Exact ""
        "update t set a = 1";
    DeleteStmt "DELETE" Exact ""
        "delete from t";
    MergeStmt "MERGE" Exact ""
        "merge into t using v on v.id = t.id when matched then update set a = 2";
    TruncateStmt "TRUNCATE" Exact ""
        "truncate t";
    CopyStmt "COPY" Exact "opaque with PROGRAM"
        "copy t from stdin";
    DoStmt "DO" Partial "static PL/pgSQL with its conditions; dynamic SQL that cannot be worked out, and other languages, are opaque"
        "do $$ begin update t set a = 1; end $$";
    CallStmt "CALL" Partial "the procedure's static body, also what it does to the schema; conditions that are not known and dynamic SQL are opaque"
        "call p()";
    CreateStmt "CREATE TABLE" Exact ""
        "create table u (id int)";
    CreateForeignTableStmt "CREATE FOREIGN TABLE" Exact ""
        "create foreign table u (id int) server s";
    CreateTableAsStmt "CREATE TABLE AS" Exact "opaque with EXECUTE of what was not prepared in the file"
        "create table u as select id from t";
    CreateTableAsStmt "CREATE MATERIALIZED VIEW" Exact ""
        "create materialized view u as select id from t";
    AlterTableStmt "ALTER TABLE" Exact ""
        "alter table t add column b int";
    AlterTableStmt "ALTER INDEX" Exact ""
        "alter index i set (fillfactor = 70)";
    AlterTableStmt "ALTER VIEW" Exact ""
        "alter view v alter column id set default 1";
    AlterTableStmt "ALTER MATERIALIZED VIEW" Exact ""
        "alter materialized view m set (fillfactor = 70)";
    AlterTableStmt "ALTER FOREIGN TABLE" Exact ""
        "alter foreign table f add column b int";
    AlterTableStmt "ALTER TYPE … ATTRIBUTE" Exact ""
        "alter type c add attribute b int";
    AlterTableMoveAllStmt "ALTER TABLE ALL IN TABLESPACE" Partial "tablespaces of tables are not in the catalog"
        "alter table all in tablespace pg_default set tablespace x";
    IndexStmt "CREATE INDEX" Exact ""
        "create index on t (a)";
    ViewStmt "CREATE VIEW" Exact ""
        "create view u as select id from t";
    RefreshMatViewStmt "REFRESH MATERIALIZED VIEW" Exact ""
        "refresh materialized view m";
    CreateSeqStmt "CREATE SEQUENCE" Exact ""
        "create sequence u";
    AlterSeqStmt "ALTER SEQUENCE" Exact ""
        "alter sequence q increment 2";
    CreateSchemaStmt "CREATE SCHEMA" Exact "opaque when named after a role that is not known"
        "create schema u";
    CreateEnumStmt "CREATE TYPE … AS ENUM" Exact ""
        "create type u as enum ('a')";
    AlterEnumStmt "ALTER TYPE … VALUE" Exact ""
        "alter type e add value 'b'";
    CompositeTypeStmt "CREATE TYPE … AS" Exact ""
        "create type u as (a int)";
    CreateRangeStmt "CREATE TYPE … AS RANGE" Exact ""
        "create type u as range (subtype = int4)";
    DefineStmt "CREATE TYPE" Exact ""
        "create type u";
    DefineStmt "CREATE AGGREGATE" Exact "opaque in the old style"
        "create aggregate u (int) (sfunc = int4pl, stype = int)";
    DefineStmt "CREATE OPERATOR" Exact ""
        "create operator ### (leftarg = int, rightarg = int, function = int4pl)";
    DefineStmt "CREATE COLLATION" Exact ""
        "create collation u (locale = 'C')";
    DefineStmt "CREATE TEXT SEARCH …" Exact ""
        "create text search dictionary u (template = simple)";
    AlterTypeStmt "ALTER TYPE … SET" Partial "the functions of a base type are not in the catalog"
        "alter type e set (storage = plain)";
    CreateDomainStmt "CREATE DOMAIN" Exact ""
        "create domain u as int";
    AlterDomainStmt "ALTER DOMAIN" Exact ""
        "alter domain d set default 1";
    CreateFunctionStmt "CREATE FUNCTION" Exact ""
        "create function u() returns int language sql as 'select 1'";
    CreateFunctionStmt "CREATE PROCEDURE" Exact ""
        "create procedure u() language sql as 'select 1'";
    AlterFunctionStmt "ALTER FUNCTION" Exact ""
        "alter function fn() immutable";
    CreateTrigStmt "CREATE TRIGGER" Exact ""
        "create trigger u after insert on t for each row execute function tf()";
    CreatePolicyStmt "CREATE POLICY" Exact ""
        "create policy u on t using (true)";
    AlterPolicyStmt "ALTER POLICY" Exact ""
        "alter policy pol on t using (false)";
    RuleStmt "CREATE RULE" Exact ""
        "create rule u as on insert to t do also nothing";
    CreateEventTrigStmt "CREATE EVENT TRIGGER" Exact ""
        "create event trigger u on ddl_command_end execute function ef()";
    AlterEventTrigStmt "ALTER EVENT TRIGGER" Exact ""
        "alter event trigger et disable";
    CreateExtensionStmt "CREATE EXTENSION" Opaque "what it brings is known once it is there"
        "create extension hstore";
    AlterExtensionStmt "ALTER EXTENSION … UPDATE" Opaque "what the new version brings is known once it is there"
        "alter extension plpgsql update";
    AlterExtensionContentsStmt "ALTER EXTENSION … ADD, DROP" Exact ""
        "alter extension plpgsql add function fn()";
    DropStmt "DROP …" Exact "extended statistics' tables are locked as well, which is not said"
        "drop table t cascade";
    DropRoleStmt "DROP ROLE" Exact ""
        "drop role r";
    RenameStmt "ALTER … RENAME" Exact ""
        "alter table t rename to u";
    AlterObjectSchemaStmt "ALTER … SET SCHEMA" Exact ""
        "alter table t set schema s2";
    AlterOwnerStmt "ALTER … OWNER TO" Exact ""
        "alter function fn() owner to r";
    AlterObjectDependsStmt "ALTER … DEPENDS ON EXTENSION" Partial "the dependency is not in the catalog"
        "alter index i depends on extension plpgsql";
    CommentStmt "COMMENT" Exact ""
        "comment on table t is 'x'";
    SecLabelStmt "SECURITY LABEL" Partial "labels are not in the catalog"
        "security label on table t is 'x'";
    GrantStmt "GRANT, REVOKE" Exact "what a role grants by grant options of its own is not worked out"
        "grant select on t to public";
    GrantRoleStmt "GRANT, REVOKE of roles" Partial "memberships are read from the server, not simulated"
        "grant r to current_user";
    AlterDefaultPrivilegesStmt "ALTER DEFAULT PRIVILEGES" Exact ""
        "alter default privileges grant select on tables to public";
    CreateRoleStmt "CREATE ROLE, USER, GROUP" Partial "attributes of roles are not in the catalog"
        "create role u";
    AlterRoleStmt "ALTER ROLE" Partial "attributes of roles are not in the catalog"
        "alter role r login";
    AlterRoleSetStmt "ALTER ROLE … SET" Partial "settings of roles are not in the catalog"
        "alter role r set work_mem = '1MB'";
    DropOwnedStmt "DROP OWNED" Exact ""
        "drop owned by r";
    ReassignOwnedStmt "REASSIGN OWNED" Exact ""
        "reassign owned by r to current_user";
    VacuumStmt "VACUUM, ANALYZE" Exact ""
        "vacuum t";
    ReindexStmt "REINDEX" Exact ""
        "reindex table t";
    ClusterStmt "CLUSTER" Exact ""
        "cluster t using i";
    VariableSetStmt "SET, RESET" Exact ""
        "set search_path = s2";
    VariableShowStmt "SHOW" Exact ""
        "show work_mem";
    TransactionStmt "BEGIN, COMMIT, SAVEPOINT …" Exact "ROLLBACK of the whole and two-phase commit are refused"
        "begin";
    ConstraintsSetStmt "SET CONSTRAINTS" Exact ""
        "set constraints all deferred";
    LockStmt "LOCK" Exact ""
        "lock table t";
    DiscardStmt "DISCARD" Exact "refused"
        "discard all";
    ListenStmt "LISTEN" Exact ""
        "listen x";
    UnlistenStmt "UNLISTEN" Exact ""
        "unlisten x";
    NotifyStmt "NOTIFY" Exact ""
        "notify x";
    CheckPointStmt "CHECKPOINT" Exact ""
        "checkpoint";
    FetchStmt "FETCH, MOVE" Exact ""
        "fetch next from x";
    ClosePortalStmt "CLOSE" Exact ""
        "close x";
    DeallocateStmt "DEALLOCATE" Exact ""
        "deallocate x";
    LoadStmt "LOAD" Partial "what a library brings is not known"
        "load 'x'";
    AlterSystemStmt "ALTER SYSTEM" Exact ""
        "alter system set work_mem = '1MB'";
    ExplainStmt "EXPLAIN" Exact ""
        "explain select 1";
    DeclareCursorStmt "DECLARE" Exact ""
        "declare x cursor for select id from t";
    PrepareStmt "PREPARE" Exact ""
        "prepare x as select 1";
    ExecuteStmt "EXECUTE" Opaque "followed where the file has prepared it"
        "execute x";
    CreateAmStmt "CREATE ACCESS METHOD" Exact ""
        "create access method u type index handler bthandler";
    CreatePlangStmt "CREATE LANGUAGE" Exact ""
        "create language u handler plpgsql_call_handler";
    CreateTableSpaceStmt "CREATE TABLESPACE" Exact ""
        "create tablespace u location '/x'";
    AlterTableSpaceOptionsStmt "ALTER TABLESPACE" Partial "its options are not in the catalog"
        "alter tablespace pg_default set (seq_page_cost = 1)";
    DropTableSpaceStmt "DROP TABLESPACE" Exact ""
        "drop tablespace if exists u";
    CreatedbStmt "CREATE DATABASE" Exact ""
        "create database u";
    AlterDatabaseStmt "ALTER DATABASE" Partial "databases' options are not in the catalog"
        "alter database postgres connection limit 5";
    AlterDatabaseSetStmt "ALTER DATABASE … SET" Partial "settings of databases are not in the catalog"
        "alter database postgres set work_mem = '1MB'";
    AlterDatabaseRefreshCollStmt "ALTER DATABASE … REFRESH COLLATION VERSION" Partial "versions of collations are not in the catalog"
        "alter database postgres refresh collation version";
    DropdbStmt "DROP DATABASE" Exact ""
        "drop database if exists u";
    CreateConversionStmt "CREATE CONVERSION" Exact ""
        "create conversion u for 'UTF8' to 'LATIN1' from utf8_to_iso8859_1";
    CreateCastStmt "CREATE CAST" Exact ""
        "create cast (c as text) with inout";
    CreateTransformStmt "CREATE TRANSFORM" Exact ""
        "create transform for int language sql (from sql with function tf1(internal))";
    CreateOpClassStmt "CREATE OPERATOR CLASS" Exact ""
        "create operator class u for type int4 using btree as operator 1 <";
    CreateOpFamilyStmt "CREATE OPERATOR FAMILY" Exact ""
        "create operator family u using btree";
    AlterOpFamilyStmt "ALTER OPERATOR FAMILY" Partial "members of families are not in the catalog"
        "alter operator family integer_ops using btree add operator 1 < (int4, int8)";
    AlterOperatorStmt "ALTER OPERATOR … SET" Partial "selectivity functions are not in the catalog"
        "alter operator + (int4, int4) set (restrict = none)";
    CreateStatsStmt "CREATE STATISTICS" Exact ""
        "create statistics u on id, a from t";
    AlterStatsStmt "ALTER STATISTICS … SET STATISTICS" Exact ""
        "alter statistics st set statistics 5";
    AlterCollationStmt "ALTER COLLATION … REFRESH VERSION" Partial "versions of collations are not in the catalog"
        "alter collation co refresh version";
    AlterTsdictionaryStmt "ALTER TEXT SEARCH DICTIONARY" Partial "options of dictionaries are not in the catalog"
        "alter text search dictionary di (stopwords = english)";
    AlterTsconfigurationStmt "ALTER TEXT SEARCH CONFIGURATION" Partial "mappings are not in the catalog"
        "alter text search configuration cf add mapping for word with simple";
    CreatePublicationStmt "CREATE PUBLICATION" Exact ""
        "create publication u for table t";
    AlterPublicationStmt "ALTER PUBLICATION" Exact ""
        "alter publication pu add table t";
    CreateSubscriptionStmt "CREATE SUBSCRIPTION" Exact ""
        "create subscription u connection '' publication x with (connect = false)";
    AlterSubscriptionStmt "ALTER SUBSCRIPTION" Partial "options of subscriptions are not in the catalog"
        "alter subscription su disable";
    DropSubscriptionStmt "DROP SUBSCRIPTION" Exact ""
        "drop subscription if exists u";
    CreateFdwStmt "CREATE FOREIGN DATA WRAPPER" Exact ""
        "create foreign data wrapper u";
    AlterFdwStmt "ALTER FOREIGN DATA WRAPPER" Partial "its options are not in the catalog"
        "alter foreign data wrapper w options (a 'b')";
    CreateForeignServerStmt "CREATE SERVER" Exact ""
        "create server u foreign data wrapper w";
    AlterForeignServerStmt "ALTER SERVER" Partial "its options are not in the catalog"
        "alter server s version '2'";
    CreateUserMappingStmt "CREATE USER MAPPING" Exact ""
        "create user mapping for public server s";
    AlterUserMappingStmt "ALTER USER MAPPING" Partial "its options are not in the catalog"
        "alter user mapping for current_user server s options (a 'b')";
    DropUserMappingStmt "DROP USER MAPPING" Exact ""
        "drop user mapping if exists for public server s";
    ImportForeignSchemaStmt "IMPORT FOREIGN SCHEMA" Partial "which tables it makes in its schema is known where LIMIT TO lists them; their columns are the other server's"
        "import foreign schema x from server s into public";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyze::{Session, analyze};
    use crate::catalog::{Catalog, Origin, SearchPath};
    use crate::source::{SourceFile, Span};
    use crate::syntax::{NodeEnum, ParseOptions, Statement, parse};
    use std::collections::BTreeSet;

    macro_rules! kinds {
        ($($name:ident)*) => {
            /// All node kinds of the grammar: a new one does not compile until it is named here.
            const KINDS: &[&str] = &[$(stringify!($name)),*];

            fn kind(node: &NodeEnum) -> &'static str {
                match node { $(NodeEnum::$name(_) => stringify!($name),)* }
            }
        };
    }

    #[rustfmt::skip]
    kinds! {
        Alias RangeVar TableFunc IntoClause Var Param Aggref GroupingFunc WindowFunc WindowFuncRunCondition
        MergeSupportFunc SubscriptingRef FuncExpr NamedArgExpr OpExpr DistinctExpr NullIfExpr
        ScalarArrayOpExpr BoolExpr SubLink SubPlan AlternativeSubPlan FieldSelect FieldStore RelabelType
        CoerceViaIo ArrayCoerceExpr ConvertRowtypeExpr CollateExpr CaseExpr CaseWhen CaseTestExpr ArrayExpr
        RowExpr RowCompareExpr CoalesceExpr MinMaxExpr SqlvalueFunction XmlExpr JsonFormat JsonReturning
        JsonValueExpr JsonConstructorExpr JsonIsPredicate JsonBehavior JsonExpr JsonTablePath
        JsonTablePathScan JsonTableSiblingJoin NullTest BooleanTest MergeAction CoerceToDomain
        CoerceToDomainValue SetToDefault CurrentOfExpr NextValueExpr InferenceElem ReturningExpr
        TargetEntry RangeTblRef JoinExpr FromExpr OnConflictExpr Query TypeName ColumnRef ParamRef AExpr
        TypeCast CollateClause RoleSpec FuncCall AStar AIndices AIndirection AArrayExpr ResTarget
        MultiAssignRef SortBy WindowDef RangeSubselect RangeFunction RangeTableFunc RangeTableFuncCol
        RangeTableSample ColumnDef TableLikeClause IndexElem DefElem LockingClause XmlSerialize
        PartitionElem PartitionSpec PartitionBoundSpec PartitionRangeDatum PartitionCmd RangeTblEntry
        RtepermissionInfo RangeTblFunction TableSampleClause WithCheckOption SortGroupClause GroupingSet
        WindowClause RowMarkClause WithClause InferClause OnConflictClause CtesearchClause CtecycleClause
        CommonTableExpr MergeWhenClause ReturningOption ReturningClause TriggerTransition JsonOutput
        JsonArgument JsonFuncExpr JsonTablePathSpec JsonTable JsonTableColumn JsonKeyValue JsonParseExpr
        JsonScalarExpr JsonSerializeExpr JsonObjectConstructor JsonArrayConstructor
        JsonArrayQueryConstructor JsonAggConstructor JsonObjectAgg JsonArrayAgg RawStmt InsertStmt
        DeleteStmt UpdateStmt MergeStmt SelectStmt SetOperationStmt ReturnStmt PlassignStmt
        CreateSchemaStmt AlterTableStmt AlterTableCmd AtalterConstraint ReplicaIdentityStmt
        AlterCollationStmt AlterDomainStmt GrantStmt ObjectWithArgs AccessPriv GrantRoleStmt
        AlterDefaultPrivilegesStmt CopyStmt VariableSetStmt VariableShowStmt CreateStmt Constraint
        CreateTableSpaceStmt DropTableSpaceStmt AlterTableSpaceOptionsStmt AlterTableMoveAllStmt
        CreateExtensionStmt AlterExtensionStmt AlterExtensionContentsStmt CreateFdwStmt AlterFdwStmt
        CreateForeignServerStmt AlterForeignServerStmt CreateForeignTableStmt CreateUserMappingStmt
        AlterUserMappingStmt DropUserMappingStmt ImportForeignSchemaStmt CreatePolicyStmt AlterPolicyStmt
        CreateAmStmt CreateTrigStmt CreateEventTrigStmt AlterEventTrigStmt CreatePlangStmt CreateRoleStmt
        AlterRoleStmt AlterRoleSetStmt DropRoleStmt CreateSeqStmt AlterSeqStmt DefineStmt CreateDomainStmt
        CreateOpClassStmt CreateOpClassItem CreateOpFamilyStmt AlterOpFamilyStmt DropStmt TruncateStmt
        CommentStmt SecLabelStmt DeclareCursorStmt ClosePortalStmt FetchStmt IndexStmt CreateStatsStmt
        StatsElem AlterStatsStmt CreateFunctionStmt FunctionParameter AlterFunctionStmt DoStmt
        InlineCodeBlock CallStmt CallContext RenameStmt AlterObjectDependsStmt AlterObjectSchemaStmt
        AlterOwnerStmt AlterOperatorStmt AlterTypeStmt RuleStmt NotifyStmt ListenStmt UnlistenStmt
        TransactionStmt CompositeTypeStmt CreateEnumStmt CreateRangeStmt AlterEnumStmt ViewStmt LoadStmt
        CreatedbStmt AlterDatabaseStmt AlterDatabaseRefreshCollStmt AlterDatabaseSetStmt DropdbStmt
        AlterSystemStmt ClusterStmt VacuumStmt VacuumRelation ExplainStmt CreateTableAsStmt
        RefreshMatViewStmt CheckPointStmt DiscardStmt LockStmt ConstraintsSetStmt ReindexStmt
        CreateConversionStmt CreateCastStmt CreateTransformStmt PrepareStmt ExecuteStmt DeallocateStmt
        DropOwnedStmt ReassignOwnedStmt AlterTsdictionaryStmt AlterTsconfigurationStmt PublicationTable
        PublicationObjSpec CreatePublicationStmt AlterPublicationStmt CreateSubscriptionStmt
        AlterSubscriptionStmt DropSubscriptionStmt Integer Float Boolean String BitString List IntList
        OidList AConst
    }

    /// Statements inside others, and what only the server makes.
    const INNER: &[&str] =
        &["RawStmt", "ReturnStmt", "SetOperationStmt", "PlassignStmt", "ReplicaIdentityStmt"];

    const BEFORE: &str = "create schema s2; create table t (id int primary key, a int); create index i on t (a);
        create view v as select id from t; create materialized view m as select id from t; create sequence q;
        create type e as enum ('a'); create type c as (a int); create domain d as int; create role r;
        create function fn() returns int language sql as 'select 1'; create policy pol on t using (true);
        create function tf() returns trigger language plpgsql as 'begin return new; end';
        create function ef() returns event_trigger language plpgsql as 'begin end';
        create function tf1(internal) returns internal language c as 'x';
        create event trigger et on ddl_command_end execute function ef();
        create procedure p() language sql as 'select 1'; create foreign data wrapper w;
        create server s foreign data wrapper w; create foreign table f (id int) server s;
        create user mapping for current_user server s; create statistics st on id, a from t;
        create collation co (locale = 'C'); create text search dictionary di (template = simple);
        create text search configuration cf (copy = simple); create publication pu; create tablespace x location '/x';
        create subscription su connection '' publication x with (connect = false)";

    fn statements(sql: &str) -> Vec<Statement> {
        let file = SourceFile::new("statements.sql", sql);
        parse(&file, Span::new(0, sql.len()), &ParseOptions::default()).statements
    }

    fn catalog() -> Catalog {
        let mut catalog = Catalog::empty();
        for statement in statements(BEFORE) {
            let analysis = analyze(&statement, &catalog, &Session::new(SearchPath::default()));
            assert_eq!(analysis.opaque, None, "{}", statement.sql);
            catalog.apply(&analysis.effects, Origin::Live);
        }
        catalog
    }

    #[test]
    fn every_statement_of_the_grammar_is_in_the_table() {
        let listed: BTreeSet<&str> = FAMILIES.iter().map(|family| family.node).collect();
        let grammar = KINDS.iter().copied().filter(|kind| kind.ends_with("Stmt") && !INNER.contains(kind));
        assert_eq!(listed, grammar.collect::<BTreeSet<&str>>());
    }

    #[test]
    fn the_analysis_does_what_the_table_says() {
        let catalog = catalog();
        let mut wrong = Vec::new();
        for family in FAMILIES {
            let statement = statements(family.example).remove(0);
            let Some(node) = statement.tree.node() else { panic!("{}", family.example) };
            if kind(&node) != family.node {
                wrong.push(format!("{} is a {}", family.example, kind(&node)));
            }
            let analysis = analyze(&statement, &catalog, &Session::new(SearchPath::default()));
            if analysis.opaque.is_some() != (family.level == Level::Opaque) {
                wrong.push(format!("{}: {:?}", family.example, analysis.opaque));
            }
            wrong.extend(analysis.invalid().map(|need| format!("{}: {}", family.example, need.message)));
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    fn page() -> String {
        let mut page = String::from(
            "# Statements\n\nHow well each statement of PostgreSQL is understood.\n\n\
             - **exact**: what it needs, makes, changes, drops and locks is known, and the simulated schema after it is \
             the server's.\n\
             - **partial**: what it needs is known; some of what it changes is not simulated, or depends on what it holds.\n\
             - **opaque**: what it changes cannot be said. It runs where it stands, nothing moves across it, and the \
             schema is read anew after it.\n\n\
             <!-- Made from crates/dunlin/src/analyze/statements.rs: DUNLIN_WRITE_DOCS=1 cargo test -p dunlin statements -->\n\n\
             | statement | level | |\n|---|---|---|\n",
        );
        let mut families: Vec<&Family> = FAMILIES.iter().collect();
        families.sort_by_key(|family| family.command);
        for family in families {
            let level = format!("{:?}", family.level).to_lowercase();
            page += &format!("| {} | {level} | {} |\n", family.command, family.remark);
        }
        page
    }

    #[test]
    fn the_page_of_the_statements_is_this_table() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/statements.md");
        if std::env::var_os("DUNLIN_WRITE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let written = std::fs::read_to_string(path).unwrap_or_default();
        assert!(written == page(), "docs/statements.md is old: run this test with DUNLIN_WRITE_DOCS=1");
    }
}
