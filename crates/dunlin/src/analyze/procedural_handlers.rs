//! Blocks with an EXCEPTION clause: what of them stays when an error is caught.

use super::Verdict;
use super::procedural::{Flow, Runner};
use super::procedural_outcome::changes_path;
use crate::catalog::{Catalog, Effect};
use crate::syntax::plpgsql::{Handler, PlBlock, PlStmt, RaiseLevel};
use std::borrow::Cow;

/// How much was recorded before a block whose work may be rolled back.
struct Mark<'a> {
    effects: usize,
    provides: usize,
    labels: usize,
    catalog: Cow<'a, Catalog>,
    /// Set when a statement of the block surely fails with an error that is caught.
    failed: bool,
}

/// Which errors a block's handlers catch.
#[derive(Debug, Default)]
struct Conditions {
    duplicates: bool,
    missing: bool,
    /// What RAISE EXCEPTION raises.
    raised: bool,
    anything: bool,
}

impl<'a> Runner<'_, 'a> {
    /// A block with handlers: where an error is caught, nothing of the block has happened.
    pub(super) fn guarded(&mut self, block: &PlBlock) -> Flow {
        let conditions = self.conditions(&block.handlers);
        let outer = std::mem::replace(&mut self.catches_duplicates, conditions.duplicates);
        let requires = self.ctx.analysis.requires.len();
        let set_before = self.ctx.analysis.session.len();
        let mut mark = self.mark();
        let (flow, failed) = self.statements(&block.body);
        mark.failed = failed && conditions.duplicates;
        self.catches_duplicates = outer;
        let lacks = conditions.missing && self.weaken(requires);
        // A handler that raises leaves nothing to decide: the whole block fails with it.
        let passes_on = block.handlers.iter().all(|handler| ends_in_raise(&handler.body));
        let raised = conditions.raised && flow == Flow::Ends && ends_in_raise(&block.body);
        let removed = mark.failed || lacks || raised;
        // An error takes back what was set before it.
        self.path_unknown |= self.ctx.analysis.session[set_before..].iter().any(changes_path);
        if removed {
            self.roll_back(mark);
        } else if conditions.anything && !passes_on && self.depends_on_rows(mark.effects) {
            self.ctx.opaque("whether the block's changes stay depends on the rows (EXCEPTION WHEN OTHERS)");
        } else if conditions.raised
            && !passes_on
            && self.ctx.analysis.effects.len() > mark.effects
            && block.body.iter().any(may_raise)
        {
            self.ctx.opaque("whether the block's changes stay depends on a condition (RAISE EXCEPTION)");
        }
        self.handlers(&block.handlers, removed);
        if flow == Flow::Goes || removed { Flow::Goes } else { flow }
    }

    fn mark(&self) -> Mark<'a> {
        Mark {
            effects: self.ctx.analysis.effects.len(),
            provides: self.ctx.analysis.provides.len(),
            labels: self.ctx.analysis.new_labels.len(),
            catalog: self.catalog.clone(),
            failed: false,
        }
    }

    fn roll_back(&mut self, mark: Mark<'a>) {
        self.ctx.analysis.effects.truncate(mark.effects);
        self.ctx.analysis.provides.truncate(mark.provides);
        self.ctx.analysis.new_labels.truncate(mark.labels);
        self.catalog = mark.catalog;
    }

    /// What lacks inside a block that catches it is no requirement; says whether something did.
    fn weaken(&mut self, from: usize) -> bool {
        let mut lacks = false;
        for requirement in self.ctx.analysis.requires.iter_mut().skip(from) {
            if requirement.verdict == Verdict::Invalid {
                requirement.verdict = Verdict::Unknown;
                lacks = true;
            }
        }
        lacks
    }

    fn depends_on_rows(&self, from: usize) -> bool {
        self.ctx.analysis.effects.iter().skip(from).any(|effect| {
            matches!(effect, Effect::AddConstraint { .. } | Effect::ValidateConstraint { .. })
                || matches!(effect, Effect::CreateRelation { relation, .. } if relation.index().is_some())
        })
    }

    fn handlers(&mut self, handlers: &[Handler], entered: bool) {
        let unsure = std::mem::replace(&mut self.unsure, true);
        for handler in handlers {
            let harmless = handler.body.iter().all(|statement| {
                matches!(statement, PlStmt::Null { .. } | PlStmt::Raise { .. } | PlStmt::Return { .. })
            });
            // A handler that is entered for sure still may not be this one.
            if !harmless || entered {
                self.statements(&handler.body);
            }
        }
        self.unsure = unsure;
    }

    fn conditions(&self, handlers: &[Handler]) -> Conditions {
        let mut conditions = Conditions::default();
        for handler in handlers {
            let text = self.text(handler.conditions).to_lowercase();
            conditions.anything |= text.contains("others");
            // A code of the user's own may be what is raised.
            conditions.raised |=
                ["others", "raise_exception", "sqlstate"].iter().any(|word| text.contains(word));
            conditions.duplicates |= text.contains("others")
                || text.contains("duplicate_")
                || ["42p06", "42p07", "42701", "42710", "42723"].iter().any(|code| text.contains(code));
            conditions.missing |= text.contains("others")
                || text.contains("undefined_")
                || text.contains("invalid_schema_name")
                || ["42p01", "42703", "42704", "42883", "3f000"].iter().any(|code| text.contains(code));
        }
        conditions
    }
}

/// Whether the first statement that ends a list is a RAISE EXCEPTION.
fn ends_in_raise(body: &[PlStmt]) -> bool {
    let ends = |statement: &&PlStmt| {
        matches!(statement, PlStmt::Raise { level: RaiseLevel::Exception, .. } | PlStmt::Return { .. })
    };
    matches!(body.iter().find(ends), Some(PlStmt::Raise { .. }))
}

/// Whether a statement, or one that is nested in it, is a RAISE EXCEPTION.
fn may_raise(statement: &PlStmt) -> bool {
    match statement {
        PlStmt::Raise { level: RaiseLevel::Exception, .. } => true,
        PlStmt::If { branches, otherwise, .. } => {
            branches.iter().any(|branch| branch.body.iter().any(may_raise)) || otherwise.iter().any(may_raise)
        }
        PlStmt::Case { branches, otherwise, .. } => {
            branches.iter().any(|branch| branch.body.iter().any(may_raise))
                || otherwise.iter().flatten().any(may_raise)
        }
        PlStmt::Loop { body, .. } => body.iter().any(may_raise),
        PlStmt::Block(block) => block.body.iter().any(may_raise),
        _ => false,
    }
}
