//! Rows grouped by the relation that they belong to.

use super::rows::{
    ColumnRow, ConstraintRow, IndexRow, Oid, PartitionedRow, PolicyRow, Rows, RuleRow, SequenceRow,
    TriggerRow,
};
use std::collections::HashMap;

/// Expressions of defaults by column, with their own object identifiers.
type Defaults<'r> = HashMap<i16, (Oid, &'r str)>;

/// What belongs to each relation, taken out as the relation is made.
pub(super) struct Parts<'r> {
    pub(super) defaults: HashMap<Oid, Defaults<'r>>,
    pub(super) constraints: HashMap<Oid, Vec<&'r ConstraintRow>>,
    pub(super) indexes: HashMap<Oid, &'r IndexRow>,
    pub(super) sequences: HashMap<Oid, &'r SequenceRow>,
    pub(super) rules: HashMap<Oid, Vec<&'r RuleRow>>,
    pub(super) triggers: HashMap<Oid, Vec<&'r TriggerRow>>,
    pub(super) policies: HashMap<Oid, Vec<&'r PolicyRow>>,
    pub(super) parents: HashMap<Oid, Vec<Oid>>,
    pub(super) partitioned: HashMap<Oid, &'r PartitionedRow>,
}

impl<'r> Parts<'r> {
    pub(super) fn collect(rows: &'r Rows) -> Parts<'r> {
        let mut defaults: HashMap<Oid, Defaults> = HashMap::new();
        for row in &rows.defaults {
            defaults.entry(row.relation).or_default().insert(row.column, (row.oid, &row.text));
        }
        let mut parents: HashMap<Oid, Vec<Oid>> = HashMap::new();
        for (child, parent) in &rows.parents {
            parents.entry(*child).or_default().push(*parent);
        }
        Parts {
            defaults,
            constraints: group(&rows.constraints, |row| row.relation),
            indexes: rows.indexes.iter().map(|row| (row.relation, row)).collect(),
            sequences: rows.sequences.iter().map(|row| (row.relation, row)).collect(),
            rules: group(&rows.rules, |row| row.relation),
            triggers: group(&rows.triggers, |row| row.relation),
            policies: group(&rows.policies, |row| row.relation),
            parents,
            partitioned: rows.partitioned.iter().map(|row| (row.relation, row)).collect(),
        }
    }
}

/// Groups the columns of all relations.
pub(super) fn columns(rows: &Rows) -> HashMap<Oid, Vec<&ColumnRow>> {
    group(&rows.columns, |row| row.relation)
}

fn group<R>(rows: &[R], relation: fn(&R) -> Oid) -> HashMap<Oid, Vec<&R>> {
    let mut groups: HashMap<Oid, Vec<&R>> = HashMap::new();
    for row in rows {
        groups.entry(relation(row)).or_default().push(row);
    }
    groups
}
