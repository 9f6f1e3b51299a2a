//! A statement's tree, unpacked before the analysis: by another thread, where a large set is read ahead.

use super::context::{string, strings};
use crate::source::{SourceFile, Span};
use crate::syntax::{NodeEnum, ParseOptions, Script, Statement, parse, protobuf};

/// A tree with what stands in it as text.
pub(crate) struct Unpacked {
    /// The statement's tree.
    pub node: NodeEnum,
    /// The body that CREATE FUNCTION has as text, where it is SQL.
    pub(super) body: Option<Body>,
}

impl Unpacked {
    /// Unpacks a statement's tree; none where there is none. Call it inside [`crate::syntax::on_large_stack`].
    pub fn of(statement: &Statement) -> Option<Unpacked> {
        let node = statement.tree.node()?;
        let body = match &node {
            NodeEnum::CreateFunctionStmt(function) => sql_text(function).map(Body::read),
            _ => None,
        };
        Some(Unpacked { node, body })
    }
}

/// The statements of a function's body in SQL.
pub(super) struct Body {
    /// The text that they were read from.
    pub text: String,
    /// Their trees, but for those that cannot be read.
    pub nodes: Vec<NodeEnum>,
}

impl Body {
    /// Reads a body.
    pub fn read(text: String) -> Body {
        let script = read_script(&text);
        let nodes = script.statements.iter().filter_map(|statement| statement.tree.node()).collect();
        Body { text, nodes }
    }
}

/// Reads a text that stands in a statement.
pub(super) fn read_script(body: &str) -> Script {
    let file = SourceFile::new("", body);
    parse(&file, Span::new(0, file.text.len()), &ParseOptions::default())
}

/// The body of a function in SQL, where it is text.
fn sql_text(function: &protobuf::CreateFunctionStmt) -> Option<String> {
    let option = |name: &str| {
        function.options.iter().find_map(|node| match &node.node {
            Some(NodeEnum::DefElem(option)) if option.defname == name => option.arg.as_deref(),
            _ => None,
        })
    };
    let language = string(option("language")?)?;
    match option("as")?.node.as_ref()? {
        NodeEnum::List(list) if language.eq_ignore_ascii_case("sql") => {
            strings(&list.items).into_iter().next()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_a_function_in_sql_is_read_with_its_statement() {
        let body = |sql: &str| {
            let unpacked = Unpacked::of(&read_script(sql).statements[0]);
            unpacked.and_then(|unpacked| unpacked.body).map(|body| (body.text, body.nodes.len()))
        };
        let sql = "create function f() returns int language SQL as 'select 1; select from from; select 2'";
        assert_eq!(body(sql), Some(("select 1; select from from; select 2".into(), 2)));
        assert_eq!(body("create function f() returns int language plpgsql as 'select 1'"), None);
        assert_eq!(body("create function f() returns int language sql return 1"), None);
        assert_eq!(body("select 1"), None);
    }
}
