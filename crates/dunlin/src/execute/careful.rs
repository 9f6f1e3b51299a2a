//! Runs what may be refused: under a savepoint, so that the unit goes on without it.

use super::event::Event;
use super::message::Queued;
use super::pipeline::send;
use super::unit::{Failed, Running};
use crate::analyze::{Facet, Presence, Requirement, analyze};
use crate::catalog::ObjectRef;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::history::OperationState;
use crate::pg::introspect::{Snapshot, introspect};
use crate::pg::{PgError, ServerError, sqlstate};
use crate::plan::{Action, Decision, InvalidOperations};
use std::time::Duration;

const SAVEPOINT: &str = "SAVEPOINT dunlin_operation";
const RELEASE: &str = "RELEASE SAVEPOINT dunlin_operation";
const UNDO: &str = "ROLLBACK TO SAVEPOINT dunlin_operation; RELEASE SAVEPOINT dunlin_operation";

impl<'p> Running<'_, 'p> {
    pub(super) async fn run_ensure(
        &mut self,
        index: usize,
        decision: &Decision,
        listener: &mut super::Listener<'p>,
    ) -> Result<(), Box<Failed>> {
        let operation = &self.runner.operations.all[decision.operation];
        self.switch_to(&operation.session, index);
        let sql = self.planned.plan.steps[index].sql.clone();
        let is_key = decision.ensure.as_ref().is_some_and(|ensure| ensure.column.is_none());
        if !is_key {
            self.queue.push(Queued::alone(sql, Some(index)));
            self.finish(index, OperationState::Ensured, None);
            return Ok(());
        }
        // A unique key is ensured where the data allows it.
        self.flush(listener).await?;
        match self.bracketed(index, &sql, listener).await? {
            Ok(()) => self.finish(index, OperationState::Ensured, None),
            Err(error) if error.sqlstate == "23505" => {
                let needing = &self.runner.operations.all[decision.at];
                let step = &self.planned.plan.steps[index];
                let diagnostic = Diagnostic::new(
                    Code::DN206,
                    format!("the data does not allow the unique key: {}", error.message),
                )
                .note(error.detail.clone().unwrap_or_default())
                .at(&needing.file, needing.statement.span)
                .help("remove the duplicate rows, then run `dunlin up` again");
                listener(&Event::StepSkipped { step, diagnostic: &diagnostic });
                self.runner.set_aside(decision.at, diagnostic);
                return Err(Box::new(Failed { decision: Some(index), error: PgError::Server(error) }));
            }
            Err(error) => {
                return Err(Box::new(Failed { decision: Some(index), error: PgError::Server(error) }));
            }
        }
        Ok(())
    }

    /// Runs an operation whose requirements cannot be checked under a savepoint: the server decides.
    pub(super) async fn run_carefully(
        &mut self,
        index: usize,
        decision: &Decision,
        sql: String,
        listener: &mut super::Listener<'p>,
    ) -> Result<(), Box<Failed>> {
        self.flush(listener).await?;
        let error = match self.bracketed(index, &sql, listener).await? {
            Ok(()) => {
                self.again |= decision.analysis.opaque.is_some();
                self.finish(index, OperationState::Done, None);
                return Ok(());
            }
            Err(error) => error,
        };
        let dependent = self.depends_on_skipped(decision);
        let may_skip = decision.analysis.only_adds() || decision.analysis.only_checks || dependent.is_some();
        let strict = self.runner.options.policy.invalid_operations == InvalidOperations::Fail;
        let own_fault = match error.where_.as_deref() {
            None => true,
            Some(context) => {
                decision.analysis.only_checks && in_inline_block_only(context)
                    || made_functions(decision).any(|name| in_check_of(context, name))
            }
        };
        if sqlstate::is_missing_object(&error.sqlstate) && may_skip && own_fault && !strict {
            let diagnostic = self.runner.misfit(decision, &error, dependent);
            let step = &self.planned.plan.steps[index];
            listener(&Event::StepSkipped { step, diagnostic: &diagnostic });
            self.runner.set_aside(decision.operation, diagnostic);
            return Err(Box::new(Failed { decision: Some(index), error: PgError::Server(error) }));
        }
        if error.is_duplicate_object() && error.where_.is_none() && decision.analysis.only_adds() {
            return self.settle_duplicate(index, decision, error).await;
        }
        Err(Box::new(Failed { decision: Some(index), error: PgError::Server(error) }))
    }

    /// The operation that does not run and would make what this one may need.
    fn depends_on_skipped(&self, decision: &Decision) -> Option<usize> {
        let skipped = |other: &&Decision| {
            let makes =
                |need: &Requirement| need.any_of.iter().any(|facet| other.analysis.provides.contains(facet));
            other.action == Action::Skip && decision.analysis.requires.iter().any(makes)
        };
        self.planned.decisions.iter().find(skipped).map(|other| other.operation)
    }

    /// The server says that it is there already: rule 4, on the catalog as it is now.
    async fn settle_duplicate(
        &mut self,
        index: usize,
        decision: &Decision,
        error: Box<ServerError>,
    ) -> Result<(), Box<Failed>> {
        let failed = |error| Box::new(Failed { decision: Some(index), error });
        let schema = &self.runner.options.journal_schema;
        let now = introspect(self.runner.work.client(), schema, Snapshot::Within).await.map_err(failed)?;
        let operation = &self.runner.operations.all[decision.operation];
        let analysis = analyze(&operation.statement, &now.catalog, &operation.session);
        let reason = match analysis.presence {
            Presence::Same { reason } => reason,
            Presence::Different { tolerated: false, expected, actual, object } => {
                let diagnostic =
                    Diagnostic::new(Code::DN213, format!("{object} exists already, with another definition"))
                        .at(&operation.file, operation.statement.span)
                        .note(format!("this statement says: {expected}"))
                        .note(format!("what is there: {actual}"));
                self.runner.note(diagnostic);
                return Err(failed(PgError::Server(error)));
            }
            _ => {
                let diagnostic = Diagnostic::new(
                    Code::DN213,
                    format!("it is there already, says the server: {}", error.message),
                )
                .at(&operation.file, operation.statement.span)
                .severity(Severity::Warning)
                .help("whether its definition is the same could not be told: compare them");
                self.runner.note(diagnostic);
                error.message.clone()
            }
        };
        self.again = true;
        let diagnostic = Diagnostic::new(Code::DN213, reason).severity(Severity::Note);
        self.finish(index, OperationState::Satisfied, Some(&diagnostic));
        Ok(())
    }

    /// Runs one statement between a savepoint and its release; an error undoes it and comes back.
    async fn bracketed(
        &mut self,
        index: usize,
        sql: &str,
        listener: &mut super::Listener<'p>,
    ) -> Result<Result<(), Box<ServerError>>, Box<Failed>> {
        let work = &self.runner.work;
        let failed = |error| Box::new(Failed { decision: Some(index), error });
        let decision = Some(&self.planned.decisions[index]);
        let sent = match self.runner.proxy {
            true => {
                work.batch(SAVEPOINT).await.map_err(failed)?;
                self.runner.sends(work.answers(), [[decision]]);
                send(work.client(), [sql.to_owned()])
            }
            false => {
                self.runner.sends(work.answers(), [[None], [decision]]);
                send(work.client(), [SAVEPOINT.to_owned(), sql.to_owned()])
            }
        };
        let operation = decision.map(|decision| decision.operation);
        let (replies, refused) =
            self.runner.answered(self.unit.migration, operation, listener, sent.replies()).await;
        match refused.map(|refused| work.error(refused.error)) {
            None => {
                work.batch(RELEASE).await.map_err(failed)?;
                let last = replies.last();
                self.measure(
                    index,
                    last.map_or(Duration::ZERO, |reply| reply.elapsed),
                    last.and_then(|reply| reply.rows()),
                );
                Ok(Ok(()))
            }
            Some(PgError::Server(error)) => {
                work.batch(UNDO).await.map_err(failed)?;
                Ok(Err(error))
            }
            Some(error) => Err(failed(error)),
        }
    }
}

/// The names of the functions that an operation makes.
fn made_functions(decision: &Decision) -> impl Iterator<Item = &str> {
    decision.analysis.provides.iter().filter_map(|facet| match facet {
        Facet::Exists(ObjectRef::Function { name, .. }) => Some(name.name.as_str()),
        _ => None,
    })
}

/// Whether an error was raised when the server checked the body of a new function, not inside a function that ran, as
/// that of an event trigger.
///
/// The context may be in any language: one line that names the function, in quotes and without its arguments.
fn in_check_of(context: &str, function: &str) -> bool {
    let quotes = ['"', '»', '«', '“', '”', '„', '\'', '「', '」'];
    let in_quotes = |(at, _): (usize, &str)| {
        let (before, after) = (&context[..at], &context[at + function.len()..]);
        before.trim_end().ends_with(quotes) && after.trim_start().starts_with(quotes)
    };
    !context.contains('\n') && context.match_indices(function).any(in_quotes)
}

/// Whether an error was raised by the statements of a DO block itself, not inside a function that it calls.
///
/// The context may be in any language. Its last line is that of the block; before it stands nothing, or the statement
/// in quotes. A function that was called has a line of its own, which names its language or ends in a number or word.
fn in_inline_block_only(context: &str) -> bool {
    let (before, block) = context.rsplit_once('\n').unwrap_or(("", context));
    block.contains("inline_code_block")
        && !before.contains("PL/pgSQL")
        && !before.trim_end().ends_with(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::{in_check_of, in_inline_block_only};

    #[test]
    fn the_check_of_a_body_is_told_from_functions_that_run() {
        for own in [
            "SQL function \"f\"",
            "SQL-Funktion »f«",
            "fonction SQL « f »",
            "compilation of PL/pgSQL function \"f\" near line 3",
            "Kompilierung von PL/pgSQL-Funktion »f« nahe Zeile 1",
        ] {
            assert!(in_check_of(own, "f"), "{own}");
        }
        for other in [
            "PL/pgSQL function f() line 1 at RAISE",
            "SQL function \"f2\"",
            "SQL function \"f\" statement 1\nPL/pgSQL function on_ddl() line 1 at PERFORM",
            "PL/pgSQL function on_ddl() line 3 at SQL statement",
        ] {
            assert!(!in_check_of(other, "f"), "{other}");
        }
    }

    #[test]
    fn functions_are_told_from_the_block_in_any_language() {
        for own in [
            "PL/pgSQL function inline_code_block line 1 at SQL statement",
            "SQL statement \"drop table\n a\"\nPL/pgSQL function inline_code_block line 1 at SQL statement",
            "PL/pgSQL-Funktion inline_code_block Zeile 1 bei SQL-Anweisung",
            "SQL-Anweisung »drop table a«\nPL/pgSQL-Funktion inline_code_block Zeile 1 bei SQL-Anweisung",
            "PL/pgSQL関数inline_code_blockの1行目 - SQL文",
        ] {
            assert!(in_inline_block_only(own), "{own}");
        }
        for called in [
            "PL/pgSQL function f() line 1 at RAISE",
            "PL/pgSQL function f() line 1 at RAISE\nPL/pgSQL function inline_code_block line 1 at IF",
            "PL/pgSQL-Funktion f() Zeile 1 bei RAISE\nSQL-Anweisung »SELECT f()«\nPL/pgSQL-Funktion \
             inline_code_block Zeile 1 bei PERFORM",
            "SQL function \"f\" statement 1\nPL/pgSQL function inline_code_block line 1 at IF",
            "SQL-Funktion »f« Anweisung 1\nPL/pgSQL-Funktion inline_code_block Zeile 1 bei IF",
            "SQL関数\"f\"の起動中\nPL/pgSQL関数inline_code_blockの1行目 - IF",
        ] {
            assert!(!in_inline_block_only(called), "{called}");
        }
    }
}
