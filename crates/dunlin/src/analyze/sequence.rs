//! CREATE and ALTER SEQUENCE.

use super::context::{Context, range_name, strings};
use super::{Access, Class, LockMode, Place, Presence};
use crate::catalog::{ColumnNumber, Effect, Id, Name, Relation, RelationChange, RelationKind, Sequence};
use crate::syntax::{NodeEnum, protobuf};

impl Context<'_> {
    /// Analyses CREATE SEQUENCE.
    pub(super) fn create_sequence(&mut self, node: &protobuf::CreateSeqStmt) {
        self.adds();
        let Some(range) = &node.sequence else { return };
        let name = self.new_relation_name(range);
        let owned_by = self.owned_by(&node.options).flatten();
        self.sequence_type(&node.options);
        let slot = self.slot();
        let sequence = Sequence { owned_by, identity: false, definition: None };
        let mut relation = Relation::new(slot.as_id(), name.name.clone(), RelationKind::Sequence(sequence));
        relation.persistence = super::table::persistence(range, &name);
        self.new_relation(name, slot, relation, node.if_not_exists);
    }

    /// Analyses ALTER SEQUENCE.
    pub(super) fn alter_sequence(&mut self, node: &protobuf::AlterSeqStmt) {
        // OWNED BY alone is what a dump writes after each table with a serial column.
        let only_owned = matches!(node.options.as_slice(), [only] if is_owned_by(only));
        self.raise(if only_owned { Class::Adds } else { Class::Changes });
        let Some(range) = &node.sequence else { return };
        let name = range_name(range);
        if node.missing_ok && self.catalog.find_relation(&name, self.path()).is_no() {
            self.analysis.presence = Presence::Same { reason: format!("there is no `{name}`") };
            return;
        }
        let id = self.need_relation(&name, self.span(range.location), "sequence");
        let owner = self.owned_by(&node.options);
        self.sequence_type(&node.options);
        let Some(id) = id else { return };
        self.lock(id, LockMode::ShareRowExclusive);
        self.touch(Place::Rows(self.catalog.relation_name(id)), Access::Write);
        if restarts(&node.options) {
            // What DELETE is to rows: run again, it gives out numbers that are in use.
            self.raise(Class::Removes);
            self.data().repeatable = false;
        }
        let Some(owner) = owner else { return };
        let current = match self.catalog.relation(id).map(|relation| &relation.kind) {
            Some(RelationKind::Sequence(sequence)) => sequence.owned_by,
            _ => None,
        };
        if only_owned && current == owner {
            let reason = format!("sequence `{name}` is owned so already");
            self.analysis.presence = Presence::Same { reason };
            return;
        }
        let change = RelationChange::OwnedBy(owner);
        self.analysis.effects.push(Effect::AlterRelation { relation: id, change });
    }

    /// `AS type`.
    fn sequence_type(&mut self, options: &[protobuf::Node]) {
        for option in options {
            if let Some(NodeEnum::DefElem(option)) = &option.node
                && let Some(NodeEnum::TypeName(ty)) = option.arg.as_ref().and_then(|arg| arg.node.as_ref())
            {
                let outer = std::mem::take(&mut self.depends);
                self.need_type(ty);
                self.depends = outer;
            }
        }
    }

    /// `OWNED BY table.column` (none inside when NONE), if it is said.
    fn owned_by(&mut self, options: &[protobuf::Node]) -> Option<Option<(Id, ColumnNumber)>> {
        let names = options.iter().find_map(|node| match &node.node {
            Some(NodeEnum::DefElem(option)) if option.defname == "owned_by" => {
                match option.arg.as_ref()?.node.as_ref()? {
                    NodeEnum::List(list) => Some((strings(&list.items), option.location)),
                    _ => None,
                }
            }
            _ => None,
        });
        let (names, location) = names?;
        let (column, table) = names.split_last()?;
        if table.is_empty() {
            return Some(None);
        }
        let span = self.span(location);
        let id = self.need_relation(&Name::from_parts(table), span, "table")?;
        let outer = std::mem::take(&mut self.depends);
        let number = self.need_column(id, column, span);
        self.depends = outer;
        Some(Some((id, number?)))
    }
}

fn is_owned_by(option: &protobuf::Node) -> bool {
    matches!(&option.node, Some(NodeEnum::DefElem(option)) if option.defname == "owned_by")
}

fn restarts(options: &[protobuf::Node]) -> bool {
    options
        .iter()
        .any(|node| matches!(&node.node, Some(NodeEnum::DefElem(option)) if option.defname == "restart"))
}
