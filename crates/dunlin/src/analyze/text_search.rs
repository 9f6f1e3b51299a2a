//! Text search: parsers, templates, dictionaries, configurations.

use super::context::{Context, strings};
use super::named::{Named, Needs};
use super::named_statement::{option, option_names};
use crate::catalog::{Dependency, Effect, Name, Other};
use crate::syntax::{NodeEnum, protobuf};
use protobuf::ObjectType;

const CONFIGURATION: &str = "text search configuration";
const DICTIONARY: &str = "text search dictionary";

impl Context<'_> {
    /// What a new text search object needs.
    pub(super) fn text_search_needs(&mut self, kind: ObjectType, node: &protobuf::DefineStmt) -> Needs {
        let span = self.statement.span;
        match kind {
            ObjectType::ObjectTsparser | ObjectType::ObjectTstemplate => {
                let functions = ["start", "gettoken", "end", "headline", "lextypes", "init", "lexize"];
                let names: Vec<Vec<String>> = functions
                    .iter()
                    .filter_map(|function| option(&node.definition, function))
                    .map(option_names)
                    .filter(|names| !names.is_empty())
                    .collect();
                Needs::of(
                    names
                        .iter()
                        .filter_map(|names| self.need_support(&Name::from_parts(names), None, span))
                        .collect::<Vec<_>>(),
                )
            }
            ObjectType::ObjectTsdictionary => {
                let template = self.need_option(node, "template", "text search template");
                Needs::of(template)
            }
            _ => {
                let parser = self.need_option(node, "parser", "text search parser");
                let copied = self.need_option(node, "copy", CONFIGURATION);
                let copied = copied.and_then(|need| self.catalog.other(need.on));
                let mappings = copied.map(|other| other.depends.clone()).unwrap_or_default();
                Needs::of(parser.into_iter().chain(mappings))
            }
        }
    }

    fn need_option(
        &mut self,
        node: &protobuf::DefineStmt,
        name: &str,
        class: &'static str,
    ) -> Option<Dependency> {
        let names = option_names(option(&node.definition, name)?);
        self.need_named(&Named::in_schema(class, Name::from_parts(&names)), self.statement.span)
    }

    /// Analyses ALTER TEXT SEARCH CONFIGURATION: it depends on the dictionaries of its mappings.
    pub(super) fn alter_configuration(&mut self, node: &protobuf::AlterTsConfigurationStmt) {
        let named = Named::in_schema(CONFIGURATION, Name::from_parts(&strings(&node.cfgname)));
        let there = self.changes_named(&named);
        let mut needs = Vec::new();
        for dictionary in &node.dicts {
            let Some(NodeEnum::List(list)) = &dictionary.node else { continue };
            let name = Name::from_parts(&strings(&list.items));
            needs.extend(self.need_named(&Named::in_schema(DICTIONARY, name), self.statement.span));
        }
        let Some((id, old)) = there.and_then(|need| Some((need.on, self.catalog.other(need.on)?))) else {
            return;
        };
        let mut depends = old.depends.clone();
        depends.extend(needs);
        depends.sort_unstable();
        depends.dedup();
        if depends != old.depends {
            let with = Box::new(Other { depends, ..old.clone() });
            self.analysis.effects.push(Effect::ReplaceOther { other: id, with });
        }
    }
}
