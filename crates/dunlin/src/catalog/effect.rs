//! What an operation changes, as data.

use super::{
    Attached, Column, ColumnNumber, Constraint, Dependency, Detail, DetailValue, Expr, Function, Id,
    Identity, Name, ObjectRef, Other, QName, Relation, Schema, Subject, Trigger, Type, TypeRef,
};

/// A change of a column that keeps the column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ColumnChange {
    /// SET DATA TYPE, with the collation where it is not the type's.
    Type(TypeRef, Option<String>),
    /// SET or DROP DEFAULT, with what the expression needs.
    Default(Option<Expr>, Vec<Dependency>),
    /// SET or DROP NOT NULL.
    NotNull(bool),
    /// ADD GENERATED … AS IDENTITY, SET GENERATED, DROP IDENTITY.
    Identity(Option<Identity>),
    /// DROP EXPRESSION (none) or SET EXPRESSION, with what the expression needs.
    Generated(Option<Expr>, Vec<Dependency>),
}

/// A change of a constraint that keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConstraintChange {
    /// Whether it is DEFERRABLE, and INITIALLY DEFERRED.
    Timing(bool, bool),
    /// ENFORCED or NOT ENFORCED; what is enforced anew is valid.
    Enforced(bool),
    /// INHERIT (false) or NO INHERIT (true).
    NoInherit(bool),
}

/// What an operation changes in the catalog.
///
/// Ids are those of the catalog that the analysis was made against: apply to that catalog only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// CREATE SCHEMA.
    CreateSchema(Schema),
    /// CREATE of anything in `pg_class`. The schema's name stands beside, for effects of what cannot run yet.
    CreateRelation {
        /// Its name.
        name: QName,
        /// The id reserved for it, so that other effects of the operation can refer to it.
        slot: Slot,
        /// The relation; its `schema` is set when applied.
        relation: Box<Relation>,
    },
    /// CREATE OR REPLACE VIEW over an existing one.
    ReplaceView {
        /// The view.
        view: Id,
        /// Its new columns, query and dependencies are taken from here.
        with: Box<Relation>,
    },
    /// ADD COLUMN.
    AddColumn {
        /// The table.
        relation: Id,
        /// The column; its number is set when applied.
        column: Box<Column>,
    },
    /// DROP COLUMN, with all that hangs on it when `cascade`.
    DropColumn {
        /// The table.
        relation: Id,
        /// The column.
        column: ColumnNumber,
        /// ONLY: descendants keep theirs as their own.
        only: bool,
    },
    /// RENAME COLUMN.
    RenameColumn {
        /// The relation.
        relation: Id,
        /// The column.
        column: ColumnNumber,
        /// Its new name.
        to: String,
    },
    /// ALTER COLUMN.
    AlterColumn {
        /// The relation.
        relation: Id,
        /// The column.
        column: ColumnNumber,
        /// What changes.
        change: ColumnChange,
        /// ONLY: not in descendants.
        only: bool,
    },
    /// ADD CONSTRAINT; the index that carries it is an effect of its own before.
    AddConstraint {
        /// The table, or the one made by this operation.
        relation: Target,
        /// The constraint; `index` refers to the named index when `index_name` is given.
        constraint: Box<Constraint>,
        /// Name of the index that carries it.
        index_name: Option<String>,
    },
    /// DROP CONSTRAINT, with its index and, for keys, the foreign keys on it.
    DropConstraint {
        /// The table.
        relation: Id,
        /// The constraint's name.
        name: String,
        /// ONLY: descendants keep theirs as their own.
        only: bool,
    },
    /// RENAME CONSTRAINT.
    RenameConstraint {
        /// The table.
        relation: Id,
        /// The constraint's name.
        name: String,
        /// Its new name.
        to: String,
    },
    /// Makes a partition's constraint a part of the one of its partitioned table.
    AttachConstraint {
        /// The partition.
        relation: Id,
        /// Its constraint.
        name: String,
        /// The constraint of the partitioned table.
        parent: String,
    },
    /// ALTER CONSTRAINT.
    AlterConstraint {
        /// The table.
        relation: Id,
        /// The constraint's name.
        name: String,
        /// What changes.
        change: ConstraintChange,
    },
    /// VALIDATE CONSTRAINT.
    ValidateConstraint {
        /// The table.
        relation: Id,
        /// The constraint's name.
        name: String,
    },
    /// Renames a relation (table, view, index, sequence).
    RenameRelation {
        /// The relation.
        relation: Id,
        /// Its new name.
        to: String,
    },
    /// ALTER … SET SCHEMA of a relation; indexes and owned sequences go along.
    MoveRelation {
        /// The relation.
        relation: Id,
        /// The new schema's name.
        schema: String,
    },
    /// Drops a relation with what is part of it.
    DropRelation {
        /// The relation.
        relation: Id,
    },
    /// Any other change of a relation's facts, made by a function pointer-free description.
    AlterRelation {
        /// The relation.
        relation: Id,
        /// What changes.
        change: RelationChange,
    },
    /// CREATE TRIGGER.
    CreateTrigger {
        /// The table.
        relation: Id,
        /// The trigger.
        trigger: Trigger,
    },
    /// CREATE POLICY.
    CreatePolicy {
        /// The table.
        relation: Id,
        /// The policy.
        policy: Attached,
    },
    /// CREATE RULE.
    CreateRule {
        /// The table.
        relation: Id,
        /// The rule.
        rule: Attached,
    },
    /// DROP TRIGGER, POLICY or RULE.
    DropAttached {
        /// The table.
        relation: Id,
        /// Which one.
        object: ObjectRef,
    },
    /// Renames a trigger, policy or rule.
    RenameAttached {
        /// The table.
        relation: Id,
        /// Which one.
        object: ObjectRef,
        /// Its new name.
        to: String,
    },
    /// CREATE TYPE or DOMAIN; a composite type's relation is an effect of its own.
    CreateType {
        /// Its name.
        name: QName,
        /// The id reserved for it, where other effects of the operation refer to it.
        slot: Option<Slot>,
        /// The type; its `schema` is set when applied.
        ty: Box<Type>,
    },
    /// ALTER TYPE … ADD VALUE.
    AddEnumLabel {
        /// The type.
        ty: Id,
        /// The label.
        label: String,
        /// Before (true) or after (false) which label.
        place: Option<(bool, String)>,
    },
    /// ALTER TYPE … RENAME VALUE.
    RenameEnumLabel {
        /// The type.
        ty: Id,
        /// The label.
        label: String,
        /// Its new text.
        to: String,
    },
    /// Replaces a type's facts (ALTER DOMAIN).
    ReplaceType {
        /// The type.
        ty: Id,
        /// Its new facts.
        with: Box<Type>,
    },
    /// Renames a type.
    RenameType {
        /// The type.
        ty: Id,
        /// Its new name.
        to: String,
    },
    /// DROP TYPE or DOMAIN.
    DropType {
        /// The type.
        ty: Id,
    },
    /// CREATE FUNCTION, PROCEDURE or AGGREGATE; replaces the one with the same signature.
    CreateFunction {
        /// Its name.
        name: QName,
        /// The function; its `schema` is set when applied.
        function: Box<Function>,
        /// STRICT, COST and the like, where they are not as without saying.
        details: Vec<(Detail, DetailValue)>,
    },
    /// Replaces a function's facts (ALTER FUNCTION).
    ReplaceFunction {
        /// The function.
        function: Id,
        /// Its new facts.
        with: Box<Function>,
    },
    /// Renames a function.
    RenameFunction {
        /// The function.
        function: Id,
        /// Its new name.
        to: String,
    },
    /// DROP FUNCTION.
    DropFunction {
        /// The function.
        function: Id,
    },
    /// Moves a type, function or other object to another schema.
    MoveTo {
        /// The type, function or other object.
        object: Id,
        /// The new schema's name.
        schema: String,
    },
    /// Renames a schema.
    RenameSchema {
        /// The schema.
        schema: Id,
        /// Its new name.
        to: String,
    },
    /// OWNER TO of a schema.
    OwnSchema {
        /// The schema.
        schema: Id,
        /// The role that owns it.
        owner: String,
    },
    /// DROP SCHEMA with all that is in it.
    DropSchema {
        /// The schema.
        schema: Id,
    },
    /// CREATE EXTENSION.
    CreateExtension {
        /// Its name.
        name: String,
    },
    /// DROP EXTENSION with its members.
    DropExtension {
        /// Its name.
        name: String,
    },
    /// CREATE ROLE.
    CreateRole {
        /// Its name.
        name: String,
    },
    /// Renames a role.
    RenameRole {
        /// Its name.
        name: String,
        /// Its new name.
        to: String,
    },
    /// DROP ROLE.
    DropRole {
        /// Its name.
        name: String,
    },
    /// CREATE of an object that is kept by class and name only.
    CreateOther {
        /// The name of its schema, where it lives in one.
        schema: Option<String>,
        /// The id reserved for it, where other effects of the operation refer to it.
        slot: Option<Slot>,
        /// The object; its `schema` is set when applied.
        other: Box<Other>,
    },
    /// Replaces the facts of such an object, its name too.
    ReplaceOther {
        /// The object.
        other: Id,
        /// Its new facts.
        with: Box<Other>,
    },
    /// DROP of such an object.
    DropOther {
        /// The object.
        other: Id,
    },
    /// What the operation makes from here on belongs to another role than the current one.
    Act {
        /// The role; empty where it is not known.
        role: String,
    },
    /// Sets a detail of an object: a comment, privileges …
    SetDetail {
        /// What it is of.
        of: Subject,
        /// Which detail.
        detail: Detail,
        /// Its new value.
        value: DetailValue,
    },
    /// Tables that are not known are made in a schema.
    Open {
        /// The schema.
        schema: Id,
    },
    /// Rows were added to a table.
    FillRows {
        /// The table.
        relation: Id,
    },
    /// What it changes cannot be said: the catalog has to be read again after it.
    Opaque(String),
    /// An effect on an object that does not exist in the catalog: what would be made, by name.
    /// Cannot be applied; names the objects that the operation provides once it can run.
    Unplaced(ObjectRef),
}

/// Where a new relation of the same operation is referred to by other effects of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Slot(pub u32);

/// A relation that exists, or one that an earlier effect of the same operation makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// It exists.
    Existing(Id),
    /// An earlier effect of this operation makes it.
    New(Slot),
}

/// A change of a relation's own facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RelationChange {
    /// OWNER TO.
    Owner(String),
    /// ENABLE, DISABLE, FORCE row level security: (enabled, forced), none for unchanged.
    RowSecurity(Option<bool>, Option<bool>),
    /// SET LOGGED or UNLOGGED.
    Persistence(char),
    /// INHERIT or ATTACH PARTITION, with the bound's text.
    AddParent(Id, Option<String>),
    /// NO INHERIT or DETACH PARTITION.
    RemoveParent(Id),
    /// SET or RESET of storage parameters: the new list, sorted.
    Options(Vec<String>),
    /// OWNED BY of a sequence.
    OwnedBy(Option<(Id, ColumnNumber)>),
    /// REINDEX makes an index valid that was not.
    Valid,
    /// OF a type, or NOT OF.
    OfType(Option<Id>),
}

impl Effect {
    /// Makes an effect on something that does not exist.
    pub fn unplaced_relation(name: &Name, default_schema: &str) -> Effect {
        let schema = name.schema.clone().unwrap_or_else(|| default_schema.to_owned());
        Effect::Unplaced(ObjectRef::Relation { name: QName::new(schema, name.name.clone()) })
    }
}
