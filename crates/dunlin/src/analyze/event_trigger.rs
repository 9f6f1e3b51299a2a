//! Event triggers: CREATE EVENT TRIGGER, and what those that are there do when a statement fires them.

use super::context::{Context, string};
use super::named::{Named, Needs};
use super::{Access, Class, Place};
use crate::catalog::{Detail, Effect, Id, Other, Subject};
use crate::syntax::{NodeEnum, protobuf};

impl Context<'_> {
    /// Analyses CREATE EVENT TRIGGER.
    pub(super) fn create_event_trigger(&mut self, node: &protobuf::CreateEventTrigStmt) {
        let function = self.need_handler(&node.funcname, Some(&[]));
        let mut fires = vec![node.eventname.to_lowercase()];
        for filter in &node.whenclause {
            let Some(NodeEnum::DefElem(filter)) = &filter.node else { continue };
            if let Some(NodeEnum::List(tags)) = filter.arg.as_ref().and_then(|list| list.node.as_ref()) {
                fires.extend(tags.items.iter().filter_map(string).map(|tag| tag.to_uppercase()));
            }
        }
        let named = Named::plain("event trigger", &node.trigname);
        self.make_named(&named, false, Needs::of(function));
        if let Some(Effect::CreateOther { other, .. }) = self.analysis.effects.last_mut() {
            other.of = Some(fires.join("\n"));
        }
    }

    /// What the event triggers do that the statement fires. Where one may change the schema, what is left behind is not
    /// known; most only write down what was done.
    pub(super) fn event_triggers(&mut self, node: &NodeEnum) {
        if self.catalog.others_of("event trigger").next().is_none() || !self.fires_event_triggers(node) {
            return;
        }
        let tag = self.analysis.kind;
        let drops = self.analysis.effects.iter().any(drops);
        let fired = self.catalog.others_of("event trigger").filter(|(id, trigger)| {
            let enabled = self.catalog.detail_text(&Subject::Object(*id), Detail::Enabled);
            !matches!(enabled, Some("D" | "R")) && fires(trigger, tag, drops)
        });
        let functions: Vec<Id> =
            fired.flat_map(|(_, trigger)| trigger.depends.iter().map(|need| need.on)).collect();
        // Those of an extension look after the extension's own objects.
        let own = |id: &Id| self.catalog.function(*id).is_some_and(|found| found.extension.is_none());
        let functions: Vec<Id> = functions.into_iter().filter(own).collect();
        for function in functions {
            if self.may_change_schema(function) {
                let name = self.catalog.function_name(function);
                self.opaque(format!("the event trigger's function {name} may change the schema"));
            }
        }
    }

    /// Event triggers are for what lives in one database, but for themselves.
    fn fires_event_triggers(&self, node: &NodeEnum) -> bool {
        let makes = |effect: &Effect| !matches!(effect, Effect::FillRows { .. } | Effect::Act { .. });
        let shared = |effect: &Effect| match effect {
            Effect::CreateRole { .. } | Effect::RenameRole { .. } | Effect::DropRole { .. } => true,
            Effect::CreateOther { other, .. } => is_shared(other),
            Effect::ReplaceOther { other, .. } | Effect::DropOther { other } => {
                self.catalog.other(*other).is_some_and(is_shared)
            }
            _ => false,
        };
        let effects = &self.analysis.effects;
        let data = matches!(
            node,
            NodeEnum::DoStmt(_)
                | NodeEnum::CallStmt(_)
                | NodeEnum::InsertStmt(_)
                | NodeEnum::UpdateStmt(_)
                | NodeEnum::DeleteStmt(_)
                | NodeEnum::MergeStmt(_)
        );
        !data && effects.iter().any(makes) && !effects.iter().any(shared)
    }

    /// Whether a function may do more than read, raise and write rows.
    fn may_change_schema(&mut self, function: Id) -> bool {
        let analysis = self.analysis.clone();
        self.analysis.effects.clear();
        self.analysis.opaque = None;
        self.analysis.class = Class::Reads;
        let read = self.body_footprint(function).is_ok();
        let found = std::mem::replace(&mut self.analysis, analysis);
        self.analysis.footprint.extend(&found.footprint);
        if read && found.opaque.is_none() {
            let rows = |effect: &Effect| matches!(effect, Effect::FillRows { .. });
            return !found.effects.iter().all(rows) || matches!(found.class, Class::Adds | Class::Changes);
        }
        self.touch(Place::Everything, Access::Write);
        true
    }
}

fn drops(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::DropColumn { .. }
            | Effect::DropConstraint { .. }
            | Effect::DropRelation { .. }
            | Effect::DropAttached { .. }
            | Effect::DropType { .. }
            | Effect::DropFunction { .. }
            | Effect::DropSchema { .. }
            | Effect::DropExtension { .. }
            | Effect::DropOther { .. }
    )
}

fn is_shared(other: &Other) -> bool {
    matches!(other.class.as_str(), "database" | "tablespace" | "event trigger")
}

/// Whether an event trigger fires for a statement of this tag.
fn fires(trigger: &Other, tag: &str, drops: bool) -> bool {
    let mut lines = trigger.of.as_deref().unwrap_or_default().lines();
    let event = lines.next().unwrap_or_default();
    let tags: Vec<&str> = lines.collect();
    let by_event = match event {
        "login" => false,
        "sql_drop" => drops,
        "table_rewrite" => tag.starts_with("ALTER "),
        _ => true,
    };
    by_event && (tags.is_empty() || tags.contains(&tag))
}
