//! Rule 3: what a declaration promises and its table lacks is added by a generated statement.

use super::belief::Life;
use super::planner::Planner;
use crate::analyze::{Analysis, Facet, Requirement};
use crate::catalog::{
    Column, Constraint, ConstraintKind, Effect, Id, Ident, Identity, ObjectRef, QName, Relation,
    RelationKind, Target,
};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// A generated statement that adds a column or a unique key.
#[derive(Debug, Clone)]
pub struct Ensure {
    /// What it makes.
    pub object: ObjectRef,
    /// The column, when it is one.
    pub column: Option<String>,
    /// The operation that declares it.
    pub declared_by: usize,
    /// The statement.
    pub sql: String,
    /// What it changes.
    pub effects: Vec<Effect>,
    /// DN210 or DN211.
    pub code: Code,
    /// Why.
    pub reason: String,
}

impl Planner<'_> {
    /// The columns that a declaration promises, its table lacks and nobody pending adds.
    pub(super) fn declared_ensures(&self, index: usize, analysis: &Analysis) -> Vec<Ensure> {
        let ensuring = self.input.policy.missing_columns == super::policy::MissingColumns::Ensure;
        let Some(declaration) = analysis.declaration.as_ref().filter(|declaration| declaration.if_not_exists)
        else {
            return Vec::new();
        };
        let Some((_, relation)) = self.catalog.relation_at(&declaration.name) else { return Vec::new() };
        if !ensuring || self.input.check {
            return Vec::new();
        }
        let missing: Vec<&Column> = declaration
            .relation
            .columns
            .iter()
            .filter(|column| relation.column(&column.name).is_none())
            .collect();
        missing
            .into_iter()
            .filter(|column| {
                let facet = Facet::Exists(ObjectRef::column(&declaration.name, &column.name));
                self.provider(&[facet], index).is_none()
            })
            .filter_map(|column| self.ensure_column(&declaration.name, &column.name, Some(index)))
            .collect()
    }

    /// What makes a requirement valid: a column, or a unique key, that the set declares.
    pub(super) fn ensure_for(&self, index: usize, requirement: &Requirement) -> Option<Vec<Ensure>> {
        let _ = index;
        let mut found = requirement.any_of.iter().filter_map(|facet| match facet {
            Facet::Exists(ObjectRef::Column { relation, column }) => {
                self.ensure_column(relation, column, None).map(|ensure| vec![ensure])
            }
            Facet::Exists(ObjectRef::UniqueKey { relation, columns }) => self.ensure_key(relation, columns),
            _ => None,
        });
        found.next()
    }

    /// The table, if Dunlin may add to it.
    fn alterable(&self, name: &QName) -> Option<(Id, &Relation)> {
        let (id, relation) = self.catalog.relation_at(name)?;
        let mine = self.catalog.superuser
            || relation.owner.is_empty()
            || self.catalog.current_role.is_empty()
            || relation.owner == self.catalog.current_role
            || self.catalog.owned_through_membership(&relation.owner);
        (relation.is_table() && relation.extension.is_none() && relation.of_type.is_none() && mine)
            .then_some((id, relation))
    }

    fn ensure_column(&self, table: &QName, name: &str, declared_by: Option<usize>) -> Option<Ensure> {
        let (id, relation) = self.alterable(table)?;
        if relation.column(name).is_some() || relation.partition_bound.is_some() {
            return None;
        }
        let belief = self.belief();
        let (first, declared_in, column) = belief.column_now(table, name)?;
        let by = declared_by.unwrap_or(first);
        if matches!(belief.column_life(by, table, name), Some(Life::Dropped(_))) {
            return None;
        }
        let ty = self.live_type(column)?;
        let serial = serial_name(declared_in, column, belief);
        let fills = column.fills_itself();
        let not_null = column.not_null && (fills || relation.has_rows == Some(false));
        let nullable_instead = column.not_null && !not_null;
        let sql = format!(
            "ALTER TABLE {} ADD COLUMN {} {}",
            table.qualified(),
            Ident(name),
            column_definition(column, &ty, serial, not_null)
        );
        let added = Column { number: 0, ty, not_null, ..column.clone() };
        let code = if nullable_instead { Code::DN211 } else { Code::DN210 };
        let reason = if nullable_instead {
            format!("{table} was there before, without `{name}`, and has rows: added as nullable")
        } else {
            format!("{table} was there before, without `{name}`")
        };
        Some(Ensure {
            object: ObjectRef::column(table, name),
            column: Some(name.to_owned()),
            declared_by: by,
            sql,
            effects: vec![Effect::AddColumn { relation: id, column: Box::new(added) }],
            code,
            reason,
        })
    }

    /// The type as the live catalog has it; none when it is not there.
    fn live_type(&self, column: &Column) -> Option<crate::catalog::TypeRef> {
        let mut ty = column.ty.clone();
        if ty.schema != "pg_catalog" {
            let name = QName::new(ty.schema.clone(), ty.name.clone());
            let found = self.catalog.type_at(&name).map(|(id, _)| id);
            let found = found.or_else(|| self.catalog.relation_at(&name).map(|(id, _)| id));
            ty.id = Some(found?);
        }
        Some(ty)
    }

    /// A unique key that ON CONFLICT or a foreign key needs, as a step of its own.
    fn ensure_key(&self, table: &QName, columns: &[String]) -> Option<Vec<Ensure>> {
        let (id, relation) = self.alterable(table)?;
        let belief = self.belief();
        let (belief_id, declared) = belief.now.relation_at(table)?;
        let mut steps = Vec::new();
        for column in columns {
            if relation.column(column).is_none() {
                steps.push(self.ensure_column(table, column, None)?);
            }
        }
        let same = |numbers: &[i16]| {
            let mut names = declared.names(numbers);
            names.sort();
            names == columns
        };
        let constraint = declared.constraints.iter().find(|c| {
            matches!(c.kind, ConstraintKind::PrimaryKey | ConstraintKind::Unique)
                && !c.deferrable
                && same(&c.columns)
        });
        let index = belief.now.indexes_of(belief_id).into_iter().find(|(_, _, index)| {
            let keys: Option<Vec<i16>> = index.keys.iter().map(|key| key.column).collect();
            index.unique && index.predicate.is_none() && keys.is_some_and(|keys| same(&keys))
        });
        let has_primary = relation.constraints.iter().any(|c| matches!(c.kind, ConstraintKind::PrimaryKey));
        let (name, ordered, origin, primary) = match (constraint, &index) {
            (Some(c), _) => {
                let primary = matches!(c.kind, ConstraintKind::PrimaryKey) && !has_primary;
                (c.name.clone(), declared.names(&c.columns), c.origin, primary)
            }
            (None, Some((_, relation, index))) => {
                let keys: Vec<i16> = index.keys.iter().filter_map(|key| key.column).collect();
                (relation.name.clone(), declared.names(&keys), relation.origin, false)
            }
            (None, None) => return None,
        };
        let crate::catalog::Origin::Simulated(by) = origin else { return None };
        let taken = self.catalog.relation_at(&QName::new(table.schema.clone(), name.clone())).is_some()
            || relation.constraint(&name).is_some();
        let name = if taken { format!("{name}_1") } else { name };
        let list: Vec<String> = ordered.iter().map(|column| Ident(column).to_string()).collect();
        let kind = if primary { "PRIMARY KEY" } else { "UNIQUE" };
        let sql = format!(
            "ALTER TABLE {} ADD CONSTRAINT {} {kind} ({})",
            table.qualified(),
            Ident(&name),
            list.join(", ")
        );
        let numbers: Vec<i16> =
            ordered.iter().filter_map(|name| relation.column(name)).map(|column| column.number).collect();
        steps.push(Ensure {
            object: ObjectRef::UniqueKey { relation: table.clone(), columns: columns.to_vec() },
            column: None,
            declared_by: by as usize,
            sql,
            effects: key_effects(id, table, &name, &numbers, primary),
            code: Code::DN210,
            reason: format!("{table} was there before, without the unique key ({})", ordered.join(", ")),
        });
        Some(steps)
    }

    pub(super) fn ensured_diagnostic(&self, at: usize, ensure: &Ensure) -> Diagnostic {
        let declaring = self.operation(ensure.declared_by);
        let span = self.column_span(ensure).unwrap_or(declaring.statement.span);
        let message = match ensure.code {
            Code::DN211 => format!("{} is added as nullable, since the table has rows", ensure.object),
            _ => format!("{} is added, as declared", ensure.object),
        };
        let mut diagnostic = Diagnostic::new(ensure.code, message)
            .at(&declaring.file, span)
            .note(format!("{}; CREATE TABLE IF NOT EXISTS did nothing", ensure.reason));
        if at != ensure.declared_by {
            let user = self.operation(at);
            diagnostic = diagnostic.because(&user.file, user.statement.span, "needed here");
        }
        if ensure.code == Code::DN211 {
            let column = ensure.column.as_deref().unwrap_or_default();
            diagnostic = diagnostic.help(format!("fill `{column}` in a migration, then SET NOT NULL"));
        }
        diagnostic
    }

    fn column_span(&self, ensure: &Ensure) -> Option<Span> {
        let column = ensure.column.as_deref()?;
        let analysis = self.analyze(ensure.declared_by);
        let declaration = analysis.declaration.as_ref()?;
        declaration.column_spans.iter().find(|(name, _)| name == column).map(|(_, span)| *span)
    }
}

fn key_effects(id: Id, table: &QName, name: &str, numbers: &[i16], primary: bool) -> Vec<Effect> {
    let key = |number: &i16| crate::catalog::IndexKey {
        column: Some(*number),
        expression: None,
        opclass: None,
        collation: None,
        descending: false,
        nulls_first: false,
    };
    let index = crate::catalog::Index {
        table: id,
        unique: true,
        nulls_not_distinct: false,
        primary,
        valid: true,
        immediate: true,
        method: "btree".into(),
        keys: numbers.iter().map(key).collect(),
        include: Vec::new(),
        predicate: None,
        uses: numbers.to_vec(),
        definition: None,
    };
    let relation = Relation::new(Id(0), name, RelationKind::Index(Box::new(index)));
    let constraint = Constraint {
        name: name.to_owned(),
        kind: if primary { ConstraintKind::PrimaryKey } else { ConstraintKind::Unique },
        columns: numbers.to_vec(),
        ..Constraint::new(ConstraintKind::Unique)
    };
    vec![
        Effect::CreateRelation {
            name: QName::new(table.schema.clone(), name),
            slot: crate::catalog::Slot(1),
            relation: Box::new(relation),
        },
        Effect::AddConstraint {
            relation: Target::Existing(id),
            constraint: Box::new(constraint),
            index_name: Some(name.to_owned()),
        },
    ]
}

/// `serial` and its kin, when the default is the sequence that the column owns.
fn serial_name(table: &Relation, column: &Column, belief: &super::belief::Belief) -> Option<&'static str> {
    let owned = belief.now.relations().any(|(_, sequence)| match &sequence.kind {
        RelationKind::Sequence(facts) => facts.owned_by.is_some_and(|(owner, number)| {
            let name = belief.now.relation(owner).map(|owner| owner.name.as_str());
            number == column.number && !facts.identity && name == Some(table.name.as_str())
        }),
        _ => false,
    });
    let counts = column.default.as_ref().is_some_and(|default| default.text.contains("nextval"));
    match column.ty.name.as_str() {
        "int2" if owned && counts => Some("smallserial"),
        "int4" if owned && counts => Some("serial"),
        "int8" if owned && counts => Some("bigserial"),
        _ => None,
    }
}

fn column_definition(
    column: &Column,
    ty: &crate::catalog::TypeRef,
    serial: Option<&'static str>,
    not_null: bool,
) -> String {
    let mut text = match serial {
        Some(serial) => serial.to_owned(),
        None => ty.to_string(),
    };
    if let Some(collation) = &column.collation {
        text.push_str(&format!(" COLLATE {collation}"));
    }
    match (&column.generated, column.identity, &column.default, serial) {
        (Some(expression), ..) => {
            text.push_str(&format!(" GENERATED ALWAYS AS ({}) STORED", expression.text))
        }
        (None, Some(Identity::Always), ..) => text.push_str(" GENERATED ALWAYS AS IDENTITY"),
        (None, Some(Identity::ByDefault), ..) => text.push_str(" GENERATED BY DEFAULT AS IDENTITY"),
        (None, None, Some(default), None) => text.push_str(&format!(" DEFAULT {}", default.text)),
        _ => {}
    }
    if not_null {
        text.push_str(" NOT NULL");
    }
    text
}
