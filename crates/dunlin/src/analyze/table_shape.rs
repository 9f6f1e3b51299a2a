//! A table under creation or change: its columns, the names chosen in it, and what they make.

use super::context::{Context, strings};
use super::naming::Chooser;
use super::query::Source;
use super::types::serial_type;
use super::{Access, Class, Facet, Place, Verdict};
use crate::catalog::{
    Catalog, Column, Dependency, Effect, Expr, Id, Ident, Identity, Name, ObjectRef, Origin, QName, Relation,
    RelationKind, Sequence, Slot, Target,
};
use crate::catalog::{TypeKind, TypeRef};
use crate::diagnostic::Code;
use crate::source::Span;
use crate::syntax::{NodeEnum, deparse_expression, protobuf};
use protobuf::ConstrType;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};

/// A relation that is copied from the catalog only when something of it changes.
#[derive(Clone)]
pub(super) struct Draft<'a>(Cow<'a, Relation>);

impl<'a> Draft<'a> {
    /// A relation as the catalog has it.
    pub(super) fn of(relation: &'a Relation) -> Draft<'a> {
        Draft(Cow::Borrowed(relation))
    }

    pub(super) fn into_owned(self) -> Relation {
        self.0.into_owned()
    }
}

impl Deref for Draft<'_> {
    type Target = Relation;

    fn deref(&self) -> &Relation {
        &self.0
    }
}

impl DerefMut for Draft<'_> {
    fn deref_mut(&mut self) -> &mut Relation {
        self.0.to_mut()
    }
}

/// A table as it is after the parts of the statement that were read so far.
pub(super) struct Shape<'a> {
    /// Its name.
    pub(super) name: QName,
    /// Its id, when it exists.
    pub(super) id: Option<Id>,
    /// Where it is made, when it does not.
    pub(super) slot: Slot,
    /// The table.
    pub(super) relation: Draft<'a>,
    /// Whether the statement says ONLY.
    pub(super) only: bool,
    /// Names chosen in its schema.
    pub(super) chooser: Chooser<'a>,
    /// What is made beside it, in order.
    pub(super) effects: Vec<Effect>,
    /// What the actions that drop something do: the others find it gone.
    pub(super) dropped: Vec<Effect>,
    /// Constraints written at columns, to be made after all columns.
    pub(super) pending: Vec<Pending>,
    /// Indexes of it that have become part of one of its partitioned table.
    pub(super) attached: Vec<Id>,
    /// Tables whose indexes are made again (LIKE … INCLUDING INDEXES), and whether with their comments.
    pub(super) likes: Vec<(Id, Relation, bool)>,
    /// The partitioned table of a new partition.
    pub(super) partition_of: Option<Id>,
    /// The columns that the statement itself names.
    pub(super) declared: BTreeSet<String>,
    /// Where each column is declared.
    pub(super) spans: Vec<(String, Span)>,
}

/// A constraint that is read and not yet made.
pub(super) struct Pending {
    /// The constraint.
    pub(super) node: protobuf::Constraint,
    /// The column it is written at.
    pub(super) column: Option<String>,
}

impl<'a> Shape<'a> {
    /// Starts from a table that exists.
    pub(super) fn existing(catalog: &'a Catalog, id: Id, slot: Slot) -> Option<Shape<'a>> {
        let relation = Draft::of(catalog.relation(id)?);
        let name = catalog.relation_name(id);
        Some(Shape { id: Some(id), ..Shape::of(catalog, name, slot, relation) })
    }

    /// Starts a new table.
    pub(super) fn new(catalog: &'a Catalog, name: QName, slot: Slot, relation: Relation) -> Shape<'a> {
        Shape::of(catalog, name, slot, Draft(Cow::Owned(relation)))
    }

    fn of(catalog: &'a Catalog, name: QName, slot: Slot, relation: Draft<'a>) -> Shape<'a> {
        let mut chooser = Chooser::new(catalog, &name.schema);
        chooser.take_relation(&name.name);
        Shape {
            name,
            id: None,
            slot,
            relation,
            only: false,
            chooser,
            effects: Vec::new(),
            dropped: Vec::new(),
            pending: Vec::new(),
            attached: Vec::new(),
            likes: Vec::new(),
            declared: BTreeSet::new(),
            partition_of: None,
            spans: Vec::new(),
        }
    }

    /// What effects refer to it by.
    pub(super) fn target(&self) -> Target {
        self.id.map_or(Target::New(self.slot), Target::Existing)
    }

    /// What other objects of the operation refer to it by.
    pub(super) fn any_id(&self) -> Id {
        self.id.unwrap_or_else(|| self.slot.as_id())
    }

    /// The catalog as the actions that drop something leave it.
    pub(super) fn after_drops<'c>(&self, catalog: &'c Catalog) -> Cow<'c, Catalog> {
        if self.dropped.is_empty() {
            return Cow::Borrowed(catalog);
        }
        let mut after = catalog.clone();
        after.apply(&self.dropped, Origin::Live);
        Cow::Owned(after)
    }

    /// It as the source of names in an expression.
    pub(super) fn source(&self) -> Source {
        Source::of(self.name.clone(), self.id, &self.relation)
    }
}

impl<'a> Context<'a> {
    /// Reads a column's definition and adds it to the table; its constraints are left pending.
    pub(super) fn define_column(&mut self, shape: &mut Shape<'a>, definition: &protobuf::ColumnDef) {
        let outer = std::mem::take(&mut self.depends);
        let serial = definition.type_name.as_ref().is_some_and(serial_of);
        let ty = match &definition.type_name {
            Some(node) => self.need_type(node),
            None => crate::catalog::TypeRef::unknown(),
        };
        let number = shape.relation.next_number();
        let mut column = Column::new(number, definition.colname.clone(), ty);
        column.collation = definition.coll_clause.as_ref().map(|clause| self.collation(&clause.collname));
        column.not_null = definition.is_not_null;
        shape.spans.push((column.name.clone(), self.span(definition.location)));
        self.provide(ObjectRef::column(&shape.name, &column.name));
        if serial {
            column.not_null = true;
            self.serial_sequence(shape, &mut column);
        }
        self.depends = outer;
        let stored = (definition.storage_name.as_str(), definition.compression.as_str());
        super::detail::column_storage(self.catalog, shape, &column, stored);
        shape.relation.columns.push(column);
        self.column_constraints(shape, &definition.colname, &definition.constraints);
    }

    /// Reads the constraints written at a column that is already part of the table.
    pub(super) fn column_constraints(
        &mut self,
        shape: &mut Shape<'a>,
        column: &str,
        nodes: &[protobuf::Node],
    ) {
        for constraint in folded(nodes) {
            match constraint.contype() {
                ConstrType::ConstrNotnull => self.set_not_null(shape, column, &constraint),
                ConstrType::ConstrDefault => {
                    if let Some(node) = constraint.raw_expr.as_deref() {
                        let ty = shape
                            .relation
                            .column(column)
                            .map_or_else(TypeRef::unknown, |column| column.ty.clone());
                        let (default, depends) = self.default_expression(node, &ty);
                        with_column(shape, column, |column| {
                            column.default = default;
                            column.default_depends.extend(depends);
                        });
                    }
                }
                ConstrType::ConstrIdentity => self.identity_sequence(shape, column, &constraint),
                ConstrType::ConstrGenerated => self.generated(shape, column, &constraint),
                ConstrType::ConstrCheck
                | ConstrType::ConstrPrimary
                | ConstrType::ConstrUnique
                | ConstrType::ConstrExclusion
                | ConstrType::ConstrForeign => {
                    let node = constraint.into_owned();
                    shape.pending.push(Pending { node, column: Some(column.to_owned()) });
                }
                _ => {}
            }
        }
    }

    /// Reads a DEFAULT: its text (none for `DEFAULT NULL`) and what it needs.
    pub(super) fn default_expression(
        &mut self,
        node: &protobuf::Node,
        ty: &TypeRef,
    ) -> (Option<Expr>, Vec<Dependency>) {
        let outer = std::mem::take(&mut self.depends);
        self.expression(node, &[]);
        let depends = std::mem::replace(&mut self.depends, outer);
        // A plain NULL is no default; one that has to be cut to a length, or checked by a domain, is an expression.
        let domain = ty
            .id
            .and_then(|id| self.catalog.type_by_id(id))
            .is_some_and(|found| matches!(found.kind, TypeKind::Domain(_)) && !ty.array);
        let plain = ty.modifiers.is_none() && !domain;
        let null = plain && matches!(&node.node, Some(NodeEnum::AConst(constant)) if constant.isnull);
        let text = (!null).then(|| deparse_expression(node).unwrap_or_else(|| "?".into()));
        (text.map(Expr::new), depends)
    }

    fn generated(&mut self, shape: &mut Shape<'a>, column: &str, constraint: &protobuf::Constraint) {
        let Some(node) = constraint.raw_expr.as_deref() else { return };
        // The expression may use columns that are declared after it: read when all are known.
        shape.pending.push(Pending { node: constraint.clone(), column: Some(column.to_owned()) });
        let text = deparse_expression(node).unwrap_or_else(|| "?".into());
        with_column(shape, column, |column| column.generated = Some(Expr::new(text)));
    }

    /// Makes a column NOT NULL; from PostgreSQL 18 that is a constraint, of which those are listed that say more.
    pub(super) fn set_not_null(&mut self, shape: &mut Shape<'a>, column: &str, node: &protobuf::Constraint) {
        with_column(shape, column, |column| column.not_null = true);
        let plain = node.conname.is_empty() && !node.is_no_inherit && !node.skip_validation;
        if plain || self.catalog.server_version < 180_000 {
            return;
        }
        let name = match node.conname.as_str() {
            "" => {
                let table = shape.name.name.clone();
                shape.chooser.constraint(&table, column, "not_null")
            }
            name => name.to_owned(),
        };
        let number = shape.relation.column(column).map(|column| column.number);
        let constraint = crate::catalog::Constraint {
            name,
            columns: number.into_iter().collect(),
            validated: shape.id.is_none() || !node.skip_validation,
            no_inherit: node.is_no_inherit,
            ..crate::catalog::Constraint::new(crate::catalog::ConstraintKind::NotNull)
        };
        super::table_constraint::add(shape, constraint, None);
    }

    fn serial_sequence(&mut self, shape: &mut Shape<'a>, column: &mut Column) {
        let table = shape.name.name.clone();
        let name = shape.chooser.relation(&table, &column.name, "seq", false);
        let slot = self.owned_sequence(shape, &name, column.number, false, &column.ty.to_string());
        let qualified = format!("{}.{}", Ident(&shape.name.schema), Ident(&name));
        column.default = Some(Expr::new(format!("nextval('{}'::regclass)", qualified.replace('\'', "''"))));
        column.default_depends.push(Dependency { on: slot.as_id(), column: None });
    }

    fn identity_sequence(&mut self, shape: &mut Shape<'a>, column: &str, constraint: &protobuf::Constraint) {
        let identity = if constraint.generated_when == "a" { Identity::Always } else { Identity::ByDefault };
        let table = shape.name.name.clone();
        let name = sequence_name_option(&constraint.options)
            .unwrap_or_else(|| shape.chooser.relation(&table, column, "seq", false));
        let mut found = None;
        with_column(shape, column, |column| {
            column.identity = Some(identity);
            column.not_null = true;
            found = Some((column.number, column.ty.to_string()));
        });
        if let Some((number, ty)) = found {
            self.owned_sequence(shape, &name, number, true, &ty);
        }
    }

    /// Makes the sequence of a serial or identity column.
    fn owned_sequence(
        &mut self,
        shape: &mut Shape<'a>,
        name: &str,
        column: i16,
        identity: bool,
        ty: &str,
    ) -> Slot {
        let slot = self.slot();
        let name = QName::new(shape.name.schema.clone(), name);
        let sequence = Sequence {
            owned_by: Some((shape.any_id(), column)),
            identity,
            definition: Some(format!("AS {ty}")),
        };
        let mut relation =
            Relation::new(shape.relation.schema, name.name.clone(), RelationKind::Sequence(sequence));
        relation.persistence = match shape.relation.persistence {
            // Unlogged sequences came with PostgreSQL 15.
            'u' if self.catalog.server_version < 150_000 => 'p',
            persistence => persistence,
        };
        self.provide(ObjectRef::relation(&name));
        self.touch(Place::Relation(name.clone()), Access::Write);
        shape.effects.push(Effect::CreateRelation { name, slot, relation: Box::new(relation) });
        slot
    }

    /// A collation as the server writes it: with its schema, but for PostgreSQL's own.
    pub(super) fn collation(&mut self, names: &[protobuf::Node]) -> String {
        let name = Name::from_parts(&strings(names));
        self.need_collation(&name);
        let known = self
            .catalog
            .candidates(&name, self.path())
            .into_iter()
            .find(|candidate| self.catalog.other_at("collation", &candidate.to_string()).is_some());
        match known {
            Some(known) => format!("{}.{}", Ident(&known.schema), Ident(&known.name)),
            None => Ident(&name.name).to_string(),
        }
    }

    /// Requires a collation: one of the server's for this encoding, or one that was made.
    fn need_collation(&mut self, name: &Name) {
        let system = name.schema.as_deref().is_none_or(|schema| schema == "pg_catalog");
        match &self.catalog.collations {
            Some(all) if system && (all.contains(&name.name) || name.name == "default") => return,
            None if system => return,
            _ => {}
        }
        let candidates = self.catalog.candidates(name, self.path());
        let object = |name: &QName| ObjectRef::Other { class: "collation".into(), name: name.to_string() };
        let there = candidates.iter().find_map(|name| self.catalog.other_at("collation", &name.to_string()));
        let unseen = self.catalog.clouded.is_some() || !self.is_complete();
        let verdict = match there {
            Some((on, _)) => {
                self.depends.push(Dependency { on, column: None });
                Verdict::Valid
            }
            None if unseen || self.catalog.system_objects => Verdict::Unknown,
            None => Verdict::Invalid,
        };
        let any_of = candidates.iter().map(|name| Facet::Exists(object(name))).collect();
        let message = format!("collation `{name}` does not exist");
        self.require(any_of, self.statement.span, verdict, Code::DN208, message, Vec::new());
    }

    /// Sets the statement's class, if it does not say more already.
    pub(super) fn adds(&mut self) {
        self.raise(Class::Adds);
    }
}

/// Changes a column of a table by name.
pub(super) fn with_column(shape: &mut Shape<'_>, name: &str, change: impl FnOnce(&mut Column)) {
    if let Some(column) = shape.relation.columns.iter_mut().find(|column| column.name == name) {
        change(column);
    }
}

/// Whether a type is one of the `serial` words.
pub(super) fn serial_of(node: &protobuf::TypeName) -> bool {
    match strings(&node.names).as_slice() {
        [name] => serial_type(name).is_some(),
        _ => false,
    }
}

/// The constraints of a column, with the DEFERRABLE and INITIALLY DEFERRED that follow folded into them.
fn folded(nodes: &[protobuf::Node]) -> Vec<Cow<'_, protobuf::Constraint>> {
    let mut list: Vec<Cow<'_, protobuf::Constraint>> = Vec::new();
    for node in nodes {
        let Some(NodeEnum::Constraint(constraint)) = &node.node else { continue };
        match (constraint.contype(), list.last_mut()) {
            (ConstrType::ConstrAttrDeferrable, Some(last)) => last.to_mut().deferrable = true,
            (ConstrType::ConstrAttrDeferred, Some(last)) => {
                let last = last.to_mut();
                last.deferrable = true;
                last.initdeferred = true;
            }
            (
                ConstrType::ConstrAttrNotDeferrable
                | ConstrType::ConstrAttrImmediate
                | ConstrType::ConstrAttrEnforced,
                _,
            ) => {}
            (ConstrType::ConstrAttrNotEnforced, Some(last)) => {
                let last = last.to_mut();
                last.is_enforced = false;
                last.skip_validation = true;
            }
            _ => list.push(Cow::Borrowed(&**constraint)),
        }
    }
    list
}

/// `GENERATED … AS IDENTITY (SEQUENCE NAME s)`.
fn sequence_name_option(options: &[protobuf::Node]) -> Option<String> {
    options.iter().find_map(|node| match &node.node {
        Some(NodeEnum::DefElem(option)) if option.defname == "sequence_name" => {
            match option.arg.as_ref()?.node.as_ref()? {
                NodeEnum::List(list) => strings(&list.items).pop(),
                _ => None,
            }
        }
        _ => None,
    })
}
