//! A parse tree, packed: whoever looks at it unpacks it, and thousands of them can be kept.

use super::NodeEnum;
use crate::source::Span;
use pg_query::protobuf;
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use std::sync::{Arc, OnceLock};

/// PostgreSQL's own parse tree of one statement, as the bytes that libpg_query gives: a tenth of the tree.
#[derive(Debug, Clone)]
pub struct PackedTree {
    /// A `RawStmt`.
    bytes: Arc<[u8]>,
    kind: TreeKind,
}

/// The kinds of statement that are asked for without a look at the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeKind {
    /// CREATE TABLE.
    CreateTable,
    /// CREATE VIEW.
    CreateView,
    /// ALTER TABLE, and what PostgreSQL parses as such.
    AlterTable,
    /// DROP of most kinds of objects.
    Drop,
    /// SET and RESET.
    Set,
    /// BEGIN, COMMIT, SAVEPOINT and the like.
    Transaction,
    /// DISCARD.
    Discard,
    /// PREPARE.
    Prepare,
    /// DEALLOCATE.
    Deallocate,
    /// SELECT, VALUES, TABLE.
    Select,
    /// DO.
    Do,
    /// Any other.
    Other,
}

impl PackedTree {
    /// Keeps a parse result that is one statement; none when it is not.
    pub(super) fn new(bytes: &[u8]) -> Option<Self> {
        let mut statements = fields(bytes).filter(|(field, _)| *field == STMTS);
        let (_, statement) = statements.next()?;
        if statements.next().is_some() {
            return None;
        }
        Self::of_statement(statement)
    }

    /// Keeps a parse result of several statements, with the part of the text that each comes from.
    pub(super) fn all(bytes: &[u8]) -> Option<Vec<(Span, Self)>> {
        let statements = fields(bytes).filter(|(field, _)| *field == STMTS);
        statements.map(|(_, statement)| Some((place(statement)?, Self::of_statement(statement)?))).collect()
    }

    fn of_statement(statement: &[u8]) -> Option<Self> {
        let (_, node) = fields(statement).find(|(field, _)| *field == STMT)?;
        let (kind, _) = fields(node).next()?;
        let kind =
            kinds().iter().find(|(field, _)| *field == kind).map_or(TreeKind::Other, |(_, kind)| *kind);
        Some(Self { bytes: statement.into(), kind })
    }

    /// Gives the kind of statement.
    pub fn kind(&self) -> TreeKind {
        self.kind
    }

    /// Unpacks the tree; none if it cannot be read. Call it inside [`super::on_large_stack`].
    pub fn node(&self) -> Option<NodeEnum> {
        protobuf::RawStmt::decode(&*self.bytes).ok()?.stmt?.node
    }
}

/// The fields `stmts` of a parse result and `stmt` of a raw statement in libpg_query's protobuf definition.
pub(super) const STMTS: u32 = 2;
pub(super) const STMT: u32 = 1;

/// The part of the text that a raw statement comes from; without a length it goes to the end.
fn place(statement: &[u8]) -> Option<Span> {
    let protobuf::RawStmt { stmt_location, stmt_len, .. } =
        protobuf::RawStmt::decode(without_tree(statement)?).ok()?;
    let start = usize::try_from(stmt_location).ok()?;
    let length = usize::try_from(stmt_len).ok().filter(|length| *length > 0);
    Some(Span::new(start, length.map_or(usize::MAX, |length| start + length)))
}

/// A raw statement's bytes behind its tree, which comes first.
fn without_tree(statement: &[u8]) -> Option<&[u8]> {
    let mut rest = statement;
    let (field, _) = decode_key(&mut rest).ok()?;
    let length = usize::try_from(decode_varint(&mut rest).ok()?).ok()?;
    rest.get(length..).filter(|_| field == STMT)
}

/// The fields of a message that are messages themselves, up to what cannot be read.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        loop {
            let (field, wire) = decode_key(&mut rest).ok()?;
            let value = decode_varint(&mut rest).ok()?;
            match wire {
                WireType::Varint => {}
                WireType::LengthDelimited => {
                    let (inner, behind) = rest.split_at_checked(usize::try_from(value).ok()?)?;
                    rest = behind;
                    return Some((field, inner));
                }
                _ => return None,
            }
        }
    })
}

/// The field of a node that holds a statement of each kind.
fn kinds() -> &'static [(u32, TreeKind); 11] {
    static KINDS: OnceLock<[(u32, TreeKind); 11]> = OnceLock::new();
    KINDS.get_or_init(|| {
        [
            (NodeEnum::CreateStmt(Default::default()), TreeKind::CreateTable),
            (NodeEnum::ViewStmt(Default::default()), TreeKind::CreateView),
            (NodeEnum::AlterTableStmt(Default::default()), TreeKind::AlterTable),
            (NodeEnum::DropStmt(Default::default()), TreeKind::Drop),
            (NodeEnum::VariableSetStmt(Default::default()), TreeKind::Set),
            (NodeEnum::TransactionStmt(Default::default()), TreeKind::Transaction),
            (NodeEnum::DiscardStmt(Default::default()), TreeKind::Discard),
            (NodeEnum::PrepareStmt(Default::default()), TreeKind::Prepare),
            (NodeEnum::DeallocateStmt(Default::default()), TreeKind::Deallocate),
            (NodeEnum::SelectStmt(Default::default()), TreeKind::Select),
            (NodeEnum::DoStmt(Default::default()), TreeKind::Do),
        ]
        .map(|(node, kind)| {
            let bytes = protobuf::Node { node: Some(node) }.encode_to_vec();
            (fields(&bytes).next().map_or(0, |(field, _)| field), kind)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceFile;
    use crate::syntax::{ParseOptions, Tree, parse};

    #[test]
    fn the_kind_is_known_without_unpacking() {
        use TreeKind as Kind;
        for (sql, kind) in [
            ("create table t (id int)", Kind::CreateTable),
            ("create view v as select 1", Kind::CreateView),
            ("alter table t add column x int", Kind::AlterTable),
            ("alter view v owner to o", Kind::AlterTable),
            ("drop index i", Kind::Drop),
            ("set search_path to a", Kind::Set),
            ("reset all", Kind::Set),
            ("savepoint s", Kind::Transaction),
            ("discard all", Kind::Discard),
            ("deallocate all", Kind::Deallocate),
            ("prepare p as select 1", Kind::Prepare),
            ("table t", Kind::Select),
            ("insert into t values (1)", Kind::Other),
        ] {
            let script = parse(&SourceFile::new("", sql), Span::new(0, sql.len()), &ParseOptions::default());
            let Tree::Parsed(tree) = &script.statements[0].tree else { panic!("{sql}") };
            assert_eq!(tree.kind(), kind, "{sql}");
            let node = tree.node().unwrap();
            assert_eq!(kind == Kind::Drop, matches!(node, NodeEnum::DropStmt(_)), "{sql}");
        }
    }

    #[test]
    fn bytes_that_are_cut_off_are_no_tree() {
        let parsed = protobuf::ParseResult {
            version: 180_000,
            stmts: vec![protobuf::RawStmt {
                stmt: Some(Box::new(protobuf::Node { node: Some(NodeEnum::SelectStmt(Default::default())) })),
                stmt_location: 0,
                stmt_len: 7,
            }],
        };
        let bytes = parsed.encode_to_vec();
        assert!(PackedTree::new(&bytes).is_some_and(|tree| tree.node().is_some()));
        for end in 0..bytes.len() {
            // No panic; and what is taken for a tree gives none, or is one.
            let _ = PackedTree::new(&bytes[..end]).and_then(|tree| tree.node());
        }
        assert!(PackedTree::new(&[bytes.clone(), bytes].concat()).is_none());
    }
}
