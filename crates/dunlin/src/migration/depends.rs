//! `-- dunlin: depends on ID`: what a migration needs comes before it.

use super::Migration;
use crate::diagnostic::{Code, Diagnostic, near_names};
use std::collections::HashMap;
use std::sync::Arc;

/// Moves each migration behind what it depends on, and nothing else; says what is not there or goes in a circle.
pub(super) fn sort(migrations: Vec<Arc<Migration>>) -> (Vec<Arc<Migration>>, Vec<Diagnostic>) {
    if migrations.iter().all(|migration| migration.directives.depends_on.is_empty()) {
        return (migrations, Vec::new());
    }
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (place, migration) in migrations.iter().enumerate() {
        if let Some((old, _)) = &migration.directives.renamed_from {
            places.entry(old).or_insert(place);
        }
    }
    places.extend(migrations.iter().enumerate().map(|(place, migration)| (migration.id.as_str(), place)));
    let mut sort = Sort {
        migrations: &migrations,
        places,
        states: vec![State::New; migrations.len()],
        order: Vec::with_capacity(migrations.len()),
        diagnostics: Vec::new(),
    };
    (0..migrations.len()).for_each(|place| sort.visit(place));
    let Sort { order, diagnostics, .. } = sort;
    (order.into_iter().map(|place| migrations[place].clone()).collect(), diagnostics)
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Open,
    Placed,
}

struct Sort<'a> {
    migrations: &'a [Arc<Migration>],
    places: HashMap<&'a str, usize>,
    states: Vec<State>,
    order: Vec<usize>,
    diagnostics: Vec<Diagnostic>,
}

impl Sort<'_> {
    fn visit(&mut self, place: usize) {
        if self.states[place] != State::New {
            return;
        }
        self.states[place] = State::Open;
        let migration = &self.migrations[place];
        for (id, span) in &migration.directives.depends_on {
            match self.places.get(id.as_str()) {
                Some(needed) if self.states[*needed] == State::Open => self.diagnostics.push(
                    Diagnostic::new(Code::DN301, format!("{} and {id} depend on each other", migration.id))
                        .at(&migration.up, *span)
                        .help("take one of the two directives away"),
                ),
                Some(needed) => self.visit(*needed),
                None => self.diagnostics.push(unknown(migration, id, *span, self.migrations)),
            }
        }
        self.states[place] = State::Placed;
        self.order.push(place);
    }
}

fn unknown(migration: &Migration, id: &str, span: crate::source::Span, all: &[Arc<Migration>]) -> Diagnostic {
    let diagnostic =
        Diagnostic::new(Code::DN107, format!("{} depends on {id}, which is not there", migration.id))
            .at(&migration.up, span);
    match near_names(id, all.iter().map(|migration| migration.id.as_str())).first() {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic.help("write the id of a migration of this folder: its file's name without `.sql`"),
    }
}
