//! What becomes of one operation: satisfied, ensured, in doubt, waiting, skipped, or running.

use super::belief::Life;
use super::ensure::Ensure;
use super::past::PastState;
use super::planner::{Planner, Verdict};
use super::policy::MissingColumns;
use super::reached::{renames, target};
use super::step::Action;
use crate::analyze::{Access, Analysis, Class, Facet, Place, Presence, Requirement};
use crate::catalog::{ObjectRef, Origin, QName};
use crate::diagnostic::{Code, Diagnostic, Severity};

/// The operations of one migration that tell whether it ran before, found as far as was asked for.
pub(super) struct Tellers {
    /// The first one that was not looked at.
    next: usize,
    /// Those before it that tell something, or may do so later.
    open: Vec<usize>,
}

/// What one operation tells about whether its migration ran before.
enum Told {
    /// Nothing, for good.
    Nothing,
    /// Nothing as of now.
    NothingYet,
    /// It was satisfied by what was there before this run.
    Satisfied,
    /// The migration cannot have run before.
    NotBefore,
}

impl Planner<'_> {
    /// Decides about one operation against the catalog as it is now (design, section 3, rules 1 to 8).
    pub(super) fn decide(&mut self, index: usize, analysis: &Analysis) -> Verdict {
        let past = self.past(index).map(|past| (past.state, past.code, past.reason.clone()));
        if let Some((PastState::Held, code, reason)) = &past {
            let reason = reason.clone().unwrap_or_else(|| "it was held by an earlier run".into());
            return Verdict::Held(code.unwrap_or(Code::DN410), reason);
        }
        if let Some((PastState::Started, ..)) = &past
            && let Some(verdict) = self.interrupted(analysis)
        {
            return verdict;
        }
        if let Some(verdict) = self.passed_before(index, analysis) {
            return verdict;
        }
        if let Some(verdict) = self.present(index, analysis) {
            return verdict;
        }
        if let Some(reason) = self.behind_the_database(index, analysis) {
            return Verdict::Satisfied(reason, None, Vec::new());
        }
        let ensures = match self.requirements(index, analysis) {
            Ok(ensures) => ensures,
            Err(verdict) => {
                self.lacked.insert(index);
                return verdict;
            }
        };
        // What lacked something until now cannot have run before.
        if ensures.is_empty()
            && !self.lacked.contains(&index)
            && let Some(reason) = self.in_doubt(index, analysis)
        {
            return Verdict::Held(Code::DN410, reason);
        }
        if matches!(past, Some((PastState::Skipped, ..))) {
            if !analysis.only_adds() {
                return Verdict::Held(Code::DN411, overtaken(analysis.kind));
            }
            if let Some(by) = self.overtaken_by(index, analysis) {
                return Verdict::Held(
                    Code::DN411,
                    format!("it could run now, but {by} was applied since and does not commute with it"),
                );
            }
        }
        Verdict::Run(ensures)
    }

    /// What to do with an operation that was started outside a transaction and whose end is not known.
    fn interrupted(&self, analysis: &Analysis) -> Option<Verdict> {
        let held = || {
            let reason = format!(
                "{} was started and its end is not recorded, and the catalog does not tell whether it was done",
                analysis.kind
            );
            Some(Verdict::Held(Code::DN604, reason))
        };
        match &analysis.presence {
            Presence::Same { .. } => None,
            // What it did on another server is not in this one's catalog.
            _ if analysis.kind.ends_with("SUBSCRIPTION") => held(),
            // It commits on its own: a part of it may have been done.
            _ if matches!(analysis.kind, "DO" | "CALL") => held(),
            _ if matches!(analysis.class, Class::Maintains | Class::Adds)
                || analysis.kind.starts_with("DROP")
                || matches!(analysis.kind, "ALTER SYSTEM" | "ALTER TABLE") =>
            {
                None
            }
            _ if analysis.changes_data() => None,
            _ => held(),
        }
    }

    /// What somebody else brought a database to that has no journal: what is behind it did run.
    fn passed_before(&self, index: usize, analysis: &Analysis) -> Option<Verdict> {
        if !self.input.past.adopting || !self.start.has_user_tables() {
            return None;
        }
        let reached = self.belief().reached.as_ref().filter(|reached| reached.passed(index))?;
        let reason = || format!("the database is past this {}", analysis.kind);
        let invalid = analysis.invalid().next();
        match analysis.class {
            Class::Adds | Class::Changes if reached.acted(index) => {
                let overridden = reached.overridden(index);
                let shown = match &analysis.presence {
                    Presence::Same { .. } => true,
                    // The new name of a rename is somebody else's by now.
                    Presence::Unknown { .. }
                        if analysis.effects.is_empty() || analysis.effects.iter().any(renames) =>
                    {
                        false
                    }
                    Presence::Different { .. } | Presence::Unknown { .. } => !overridden,
                    Presence::Absent => false,
                };
                // The last OR REPLACE of an object runs again; what it needs is there.
                let runs = shown || analysis.or_replace && !overridden && invalid.is_none();
                (!runs).then(|| Verdict::Satisfied(reason(), None, Vec::new()))
            }
            Class::Adds | Class::Changes | Class::Reads => {
                // On an empty database it found nothing to do: what it would change now came after it.
                let mut targets = analysis.effects.iter().map(|effect| target(effect, &self.catalog));
                let remade = !analysis.effects.is_empty()
                    && targets.all(|object| object.is_some_and(|object| reached.remade(index, &object)));
                // SET CONSTRAINTS names what may be gone, for statements that do not run.
                let constraints = analysis.kind == "SET CONSTRAINTS";
                (remade || constraints || invalid.is_some())
                    .then(|| Verdict::Satisfied(reason(), None, Vec::new()))
            }
            Class::Writes | Class::Removes => invalid.map(|requirement| {
                let reason = format!(
                    "the database is past this {}, which may have run: {} any more",
                    analysis.kind, requirement.message
                );
                Verdict::Held(Code::DN410, reason)
            }),
            _ => None,
        }
    }

    /// Rule 4: what the operation makes is there already.
    fn present(&mut self, index: usize, analysis: &Analysis) -> Option<Verdict> {
        if analysis.or_replace || analysis.opaque.is_some() && matches!(analysis.presence, Presence::Absent) {
            return None;
        }
        match &analysis.presence {
            Presence::Absent => None,
            Presence::Same { reason } => {
                let ensures = self.declared_ensures(index, analysis);
                Some(Verdict::Satisfied(with_ensures(reason, &ensures), None, ensures))
            }
            Presence::Unknown { tolerated: true, object } => {
                let ensures = self.declared_ensures(index, analysis);
                if ensures.is_empty() {
                    return None;
                }
                Some(Verdict::Satisfied(
                    with_ensures(&format!("{object} exists already"), &ensures),
                    None,
                    ensures,
                ))
            }
            Presence::Unknown { tolerated: false, .. } => None,
            Presence::Different { object, expected, actual, tolerated } => {
                Some(self.different(index, analysis, object, (expected, actual), *tolerated))
            }
        }
    }

    fn different(
        &mut self,
        index: usize,
        analysis: &Analysis,
        object: &ObjectRef,
        (expected, actual): (&str, &str),
        tolerated: bool,
    ) -> Verdict {
        let ensures = self.declared_ensures(index, analysis);
        let operation = self.operation(index);
        let reason = with_ensures(&format!("{object} exists already"), &ensures);
        if self.explained_by_the_set(index, analysis, object, &ensures) {
            return Verdict::Satisfied(reason, None, ensures);
        }
        let shown = |code: Code, message: String| {
            Diagnostic::new(code, message)
                .at(&operation.file, operation.statement.span)
                .note(format!("this statement says: {expected}"))
                .note(format!("what is there: {actual}"))
        };
        if let Some(earlier) = self.simulated_origin(object).filter(|earlier| *earlier != index) {
            let first = self.operation(earlier);
            let diagnostic =
                shown(Code::DN212, format!("two declarations of {object} differ; the earlier one decides"))
                    .because(&first.file, first.statement.span, "declared here first")
                    .help("make the later one an ALTER TABLE, so that both agree");
            self.diagnostics.push(diagnostic);
            return Verdict::Satisfied(reason, Some(Code::DN212), ensures);
        }
        if tolerated {
            let earlier = self.earlier_declarer(index, object).map(|earlier| self.operation(earlier));
            let code = if earlier.is_some() { Code::DN212 } else { Code::DN213 };
            let mut diagnostic = shown(code, format!("{object} exists already, with another definition"))
                .severity(Severity::Warning)
                .help("IF NOT EXISTS leaves it as it is; change it by a statement of its own if it should differ");
            if let Some(earlier) = earlier {
                diagnostic = diagnostic.because(&earlier.file, earlier.statement.span, "declared here first");
            }
            self.diagnostics.push(diagnostic);
            return Verdict::Satisfied(reason, Some(code), ensures);
        }
        Verdict::Refuse(
            shown(Code::DN213, format!("{object} exists already, with another definition")).help(
                "decide which one is right: change the statement, or change the object by a new migration",
            ),
        )
    }

    /// The pending operation of this set that made an object in this simulation.
    fn simulated_origin(&self, object: &ObjectRef) -> Option<usize> {
        match self.origin(object)? {
            Origin::Simulated(by) => Some(by as usize),
            Origin::Live => None,
        }
    }

    /// An operation written before this one that declares the same table or column.
    fn earlier_declarer(&self, index: usize, object: &ObjectRef) -> Option<usize> {
        let (relation, column) = match object {
            ObjectRef::Column { relation, column } => (relation, column),
            _ => return None,
        };
        self.belief().declarers(relation, column).iter().copied().find(|earlier| *earlier < index)
    }

    /// Who made an object of the simulated catalog.
    pub(super) fn origin(&self, object: &ObjectRef) -> Option<Origin> {
        match object {
            ObjectRef::Relation { name } => {
                let relation = self.catalog.relation_at(name).map(|(_, relation)| relation.origin);
                relation.or_else(|| self.catalog.type_at(name).map(|(_, ty)| ty.origin))
            }
            ObjectRef::Column { relation, column } => {
                self.catalog.relation_at(relation)?.1.column(column).map(|column| column.origin)
            }
            ObjectRef::Constraint { relation, name } => {
                self.catalog.relation_at(relation)?.1.constraint(name).map(|constraint| constraint.origin)
            }
            ObjectRef::Trigger { relation, name } => {
                let (_, relation) = self.catalog.relation_at(relation)?;
                relation.triggers.iter().find(|trigger| trigger.name == *name).map(|trigger| trigger.origin)
            }
            ObjectRef::Policy { relation, name } => {
                let (_, relation) = self.catalog.relation_at(relation)?;
                relation.policies.iter().find(|policy| policy.name == *name).map(|policy| policy.origin)
            }
            ObjectRef::Rule { relation, name } => {
                let (_, relation) = self.catalog.relation_at(relation)?;
                relation.rules.iter().find(|rule| rule.name == *name).map(|rule| rule.origin)
            }
            ObjectRef::Type { name } => self.catalog.type_at(name).map(|(_, ty)| ty.origin),
            ObjectRef::EnumLabel { name, label } => match &self.catalog.type_at(name)?.1.kind {
                crate::catalog::TypeKind::Enum(labels) => {
                    labels.iter().find(|found| found.label == *label).map(|label| label.origin)
                }
                _ => None,
            },
            ObjectRef::Function { name, .. } => {
                let path = crate::catalog::SearchPath(vec![name.schema.clone()]);
                let name =
                    crate::catalog::Name { schema: Some(name.schema.clone()), name: name.name.clone() };
                self.catalog.find_functions(&name, &path).first().map(|(_, function)| function.origin)
            }
            ObjectRef::Schema { name } => {
                let id = self.catalog.find_schema(name).yes()?;
                self.catalog.schema(id).map(|schema| schema.origin)
            }
            _ => None,
        }
    }

    /// Whether what is there is what the set itself makes of the object at some time after this operation.
    fn explained_by_the_set(
        &mut self,
        index: usize,
        analysis: &Analysis,
        object: &ObjectRef,
        ensures: &[Ensure],
    ) -> bool {
        if !self.start.had_user_tables && !self.start.has_user_tables() {
            return false;
        }
        match (object, &analysis.declaration) {
            (ObjectRef::Relation { name }, Some(declaration)) => {
                let Some((_, live)) = self.catalog.relation_at(name) else { return false };
                if !live.is_table() {
                    return self.reshaped_later(index, analysis);
                }
                let belief = self.belief();
                declaration.relation.columns.iter().all(|declared| {
                    let ensured =
                        ensures.iter().any(|ensure| ensure.column.as_deref() == Some(&declared.name));
                    match live.column(&declared.name) {
                        Some(column) => {
                            column.ty == declared.ty
                                || belief.had_type(name, &declared.name, &column.ty.to_string())
                        }
                        None => {
                            let facet = Facet::Exists(ObjectRef::column(name, &declared.name));
                            ensured
                                || self.lives_elsewhere(index, name, &declared.name)
                                || self.provider(&[facet], index).is_some()
                        }
                    }
                })
            }
            (ObjectRef::Column { relation, column }, _) => {
                let Some((_, live)) = self.catalog.relation_at(relation) else { return false };
                let Some(found) = live.column(column) else { return false };
                found.origin == Origin::Live
                    && self.belief().had_type(relation, column, &found.ty.to_string())
            }
            _ => self.remade_later(index, analysis) || self.reshaped_later(index, analysis),
        }
    }

    /// Whether the set reshapes later what the operation makes, or a table that it is on.
    fn reshaped_later(&self, index: usize, analysis: &Analysis) -> bool {
        let belief = self.belief();
        analysis.footprint.touches().any(|(place, _)| match place {
            Place::Relation(name) | Place::Column(name, _) => belief.reshaped_after(index, name),
            _ => false,
        })
    }

    /// Whether a column that an operation declares is renamed or dropped by the set later.
    fn lives_elsewhere(&self, index: usize, relation: &QName, column: &str) -> bool {
        match self.belief().column_life(index, relation, column) {
            Some(Life::Dropped(_)) => true,
            Some(Life::Lives(at, Some(name))) => at != relation || name != column,
            _ => false,
        }
    }

    /// Whether a later open operation of the set makes the same object again.
    fn remade_later(&self, index: usize, analysis: &Analysis) -> bool {
        analysis
            .provides
            .iter()
            .any(|facet| self.provider(std::slice::from_ref(facet), index).is_some_and(|later| later > index))
    }

    /// The set renames or drops again what the operation makes, and the database is past that.
    fn behind_the_database(&mut self, index: usize, analysis: &Analysis) -> Option<String> {
        if !self.start.has_user_tables() || !matches!(analysis.class, Class::Adds | Class::Changes) {
            return None;
        }
        if !self.removing.get_or_init(|| self.input.operations.all.iter().any(removes_something)) {
            return None;
        }
        let made: Vec<ObjectRef> = analysis
            .provides
            .iter()
            .filter_map(|facet| match facet {
                Facet::Exists(object @ (ObjectRef::Relation { .. } | ObjectRef::Column { .. })) => {
                    Some(object.clone())
                }
                _ => None,
            })
            .filter(|object| self.origin(object).is_none())
            .collect();
        if made.is_empty() {
            return None;
        }
        // Columns of a relation that is made by the same operation go with it.
        let relations: Vec<QName> = made
            .iter()
            .filter_map(|object| match object {
                ObjectRef::Relation { name } => Some(name.clone()),
                _ => None,
            })
            .collect();
        let mut reasons = Vec::new();
        for object in &made {
            match object {
                ObjectRef::Column { relation, .. } if relations.contains(relation) => {}
                object => reasons.push(self.past_life(index, object)?),
            }
        }
        reasons.into_iter().next()
    }

    fn past_life(&self, index: usize, object: &ObjectRef) -> Option<String> {
        let belief = self.belief();
        let life = match object {
            ObjectRef::Relation { name } => belief.relation_life(index, name)?,
            ObjectRef::Column { relation, column } => belief.column_life(index, relation, column)?,
            _ => return None,
        };
        match (life, object) {
            (Life::Lives(at, None), ObjectRef::Relation { name }) if at != name => {
                let (_, found) = self.start.relation_at(at)?;
                (found.origin == Origin::Live)
                    .then(|| format!("a later migration renames {object} to {at}, which is there"))
            }
            (Life::Lives(at, Some(to)), ObjectRef::Column { relation, column })
                if at != relation || to != column =>
            {
                self.start.relation_at(at)?.1.column(to)?;
                Some(format!("a later migration renames {object} to `{to}`, which is there"))
            }
            (Life::Dropped(by), _) if self.input.past.adopting && belief.progress > Some(index) => {
                let by = self.operation(*by);
                Some(format!("{} drops it again, and the database is past that", by.file.path))
            }
            _ => None,
        }
    }

    /// Rule 7: a data change that cannot be known to have run is never repeated.
    fn in_doubt(&self, index: usize, analysis: &Analysis) -> Option<String> {
        let guarded = analysis.changes_data()
            || (analysis.class == Class::Opaque && !analysis.kind.starts_with("CREATE"));
        if !guarded || analysis.data.as_ref().is_some_and(|data| data.repeatable) {
            return None;
        }
        let id = self.migration_id(index);
        if self.input.past.is_recorded(id) || self.input.check || self.writes_only_own_tables(analysis) {
            return None;
        }
        let satisfied = self.satisfied_before(index)?;
        if satisfied > 0 {
            return Some(format!(
                "the schema changes before it in {id} were there already, so this {} may have run as well",
                analysis.kind
            ));
        }
        // What is opaque (dynamic SQL) is mostly schema changes that the schema cannot tell of.
        if analysis.class == Class::Opaque {
            return None;
        }
        let tables = self.start.has_user_tables() || self.start.had_user_tables;
        (self.input.past.adopting && tables).then(|| {
            format!(
                "{id} is not recorded and the database was not empty, so this {} may have run already",
                analysis.kind
            )
        })
    }

    /// Whether all the tables that a data change writes were made by Dunlin: no one else can have run it.
    fn writes_only_own_tables(&self, analysis: &Analysis) -> bool {
        let written: Vec<&QName> = analysis
            .footprint
            .touches()
            .filter(|(_, access)| *access != Access::Read)
            .filter_map(|(place, _)| match place {
                Place::Rows(name) | Place::Values(name, _) => Some(name),
                _ => None,
            })
            .collect();
        let own = |name: &&QName| {
            let origin = self.origin(&ObjectRef::relation(name));
            matches!(origin, Some(Origin::Simulated(_))) || self.made_by_a_recorded_operation(name)
        };
        analysis.changes_data() && !written.is_empty() && written.iter().all(own)
    }

    fn made_by_a_recorded_operation(&self, table: &QName) -> bool {
        let ran = |index: usize| self.past(index).is_some_and(|past| past.ran);
        (0..self.input.operations.all.len()).any(ran) && self.belief().makers(table).into_iter().any(ran)
    }

    /// How many schema changes before an operation, in its migration, were satisfied by what was there before
    /// this run; none when one of them was not.
    fn satisfied_before(&self, index: usize) -> Option<usize> {
        let migration = self.operation(index).migration;
        let mut tellers = self.tellers.borrow_mut();
        let tellers = tellers.entry(migration).or_insert_with(|| Tellers {
            next: self.input.operations.ranges[migration].start,
            open: Vec::new(),
        });
        // What says nothing is not looked at again: a file may hold a hundred thousand INSERTs.
        tellers.open.extend(tellers.next..index);
        tellers.next = tellers.next.max(index);
        let (mut kept, mut at, mut satisfied) = (0, 0, Some(0));
        while at < tellers.open.len() && tellers.open[at] < index && satisfied.is_some() {
            let earlier = tellers.open[at];
            at += 1;
            match self.tells(earlier) {
                Told::Nothing => continue,
                Told::Satisfied => satisfied = satisfied.map(|count| count + 1),
                Told::NothingYet => {}
                Told::NotBefore => satisfied = None,
            }
            tellers.open[kept] = earlier;
            kept += 1;
        }
        tellers.open.drain(kept..at);
        satisfied
    }

    /// What an operation tells that this run has done already, before it planned again.
    fn recorded_tells(&self, index: usize) -> Told {
        let Some(past) = self.past(index).filter(|past| past.state == PastState::Done) else {
            return Told::NothingYet;
        };
        let analysis = self.analyze(index);
        match self.was_there_before(index, Action::Satisfied, &analysis) {
            Some(true) if !past.ran => Told::Satisfied,
            Some(_) if !analysis.or_replace => Told::NotBefore,
            _ => Told::Nothing,
        }
    }

    /// What an operation tells about whether its migration ran before.
    fn tells(&self, index: usize) -> Told {
        let decisions =
            || self.decided.get(&index).into_iter().flatten().map(|position| &self.decisions[*position]);
        let own =
            decisions().find(|decision| decision.operation == index && decision.action != Action::Ensure);
        let Some(own) = own else {
            let waits = self.parking.get(index).is_some();
            return if waits { Told::NotBefore } else { self.recorded_tells(index) };
        };
        if decisions().any(|decision| decision.action == Action::Ensure) {
            return Told::NotBefore;
        }
        match self.was_there_before(index, own.action, &own.analysis) {
            Some(true) => Told::Satisfied,
            Some(false) => Told::NotBefore,
            // A declaration may still be ensured.
            None if matches!(own.action, Action::Skip | Action::Held) => Told::NothingYet,
            None => Told::Nothing,
        }
    }

    /// Whether a schema change was satisfied by what was there before this run; none for what says nothing.
    fn was_there_before(&self, index: usize, action: Action, analysis: &Analysis) -> Option<bool> {
        let schema_change = matches!(analysis.class, Class::Adds | Class::Changes);
        if !schema_change || analysis.kind == "COMMENT" || analysis.kind.starts_with("GRANT") {
            return None;
        }
        // Surroundings say nothing about the migration that asks for them.
        if matches!(analysis.kind, "CREATE EXTENSION" | "CREATE SCHEMA") {
            return None;
        }
        match action {
            // Another database of the same server may have brought it.
            Action::Satisfied if is_of_server(analysis.kind) => None,
            Action::Satisfied => {
                let sql = self.operation(index).statement.sql.to_ascii_uppercase();
                if analysis.kind.starts_with("DROP") && sql.contains("IF EXISTS") {
                    return None;
                }
                let made_now = analysis.provides.iter().any(|facet| match facet {
                    Facet::Exists(object) => matches!(self.origin(object), Some(Origin::Simulated(_))),
                    Facet::Nullable { .. } => false,
                });
                Some(!made_now)
            }
            Action::Run | Action::Ensure => {
                let replaces = analysis.or_replace || !self.changing.contains(&index);
                if replaces { None } else { Some(false) }
            }
            Action::Skip | Action::Held => None,
        }
    }

    /// Looks at what is missing: waits for who provides it, ensures what the set declares, or skips.
    #[allow(clippy::result_large_err, reason = "a verdict is moved once for each operation")]
    fn requirements(&mut self, index: usize, analysis: &Analysis) -> Result<Vec<Ensure>, Verdict> {
        let mut waits = Vec::new();
        let mut ensures: Vec<Ensure> = Vec::new();
        let mut lacking: Option<&Requirement> = None;
        let ensuring = self.input.policy.missing_columns == MissingColumns::Ensure && !self.input.check;
        for requirement in analysis.invalid() {
            let nullable = !requirement.any_of.is_empty()
                && requirement.any_of.iter().all(|facet| matches!(facet, Facet::Nullable { .. }));
            if Self::may_wait(analysis) && self.provider(&requirement.any_of, index).is_some() {
                waits.extend(requirement.any_of.iter().cloned());
                continue;
            }
            if nullable {
                continue; // The server decides: perhaps no row is meant.
            }
            match self.ensure_for(index, requirement) {
                Some(found) if ensuring => {
                    for ensure in found {
                        if !ensures.iter().any(|known| known.sql == ensure.sql) {
                            ensures.push(ensure);
                        }
                    }
                }
                _ => {
                    lacking.get_or_insert(requirement);
                }
            }
        }
        if let Some(requirement) = lacking {
            return Err(Verdict::Skip(self.skip_diagnostic(index, requirement)));
        }
        if !waits.is_empty() {
            waits.sort();
            waits.dedup();
            return Err(Verdict::Wait(waits));
        }
        Ok(ensures)
    }

    /// An operation that was applied since this one was skipped, and does not commute with it.
    fn overtaken_by(&self, index: usize, analysis: &Analysis) -> Option<String> {
        let all = &self.input.operations.all;
        (index + 1..all.len())
            .filter(|later| self.past(*later).is_some_and(|past| past.state == PastState::Done))
            .filter(|later| all[*later].transaction.is_none())
            .find(|later| !self.analyze(*later).footprint.commutes_with(&analysis.footprint))
            .map(|later| format!("operation {} of {}", all[later].number, self.migration_id(later)))
    }
}

/// Whether a statement of this kind is about what all databases of a server share.
fn is_of_server(kind: &str) -> bool {
    ["ROLE", "TABLESPACE", "DATABASE"].iter().any(|noun| kind.split(' ').nth(1) == Some(noun))
}

/// The reason of DN411.
pub(super) fn overtaken(kind: &str) -> String {
    format!(
        "it was skipped and could run now, but {kind} is more than an addition, and later operations were applied since"
    )
}

fn with_ensures(reason: &str, ensures: &[Ensure]) -> String {
    match ensures.len() {
        0 => reason.to_owned(),
        1 => format!("{reason}; 1 missing column is ensured"),
        count => format!("{reason}; {count} missing columns are ensured"),
    }
}

/// Whether a statement may rename or drop something: a cheap look before the whole set is simulated.
fn removes_something(operation: &super::operations::Operation) -> bool {
    let sql = operation.statement.sql.as_bytes();
    let has = |word: &[u8]| sql.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    has(b"drop") || has(b"rename") || has(b"set schema")
}
