//! Functions and procedures.

use super::{Dependency, Id, Origin, TypeRef};

/// What kind of routine a [`Function`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionKind {
    /// A function.
    Function,
    /// A procedure.
    Procedure,
    /// An aggregate.
    Aggregate,
    /// A window function.
    Window,
}

/// A parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: Option<String>,
    /// Its type.
    pub ty: TypeRef,
    /// `i` in, `o` out, `b` inout, `v` variadic, `t` table, as in `proargmodes`.
    pub mode: char,
}

/// A function, procedure or aggregate that is not built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    /// Its schema.
    pub schema: Id,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: FunctionKind,
    /// All its parameters.
    pub parameters: Vec<Parameter>,
    /// How many of the last input parameters have a default.
    pub defaults: usize,
    /// Its result; none for a procedure.
    pub result: Option<TypeRef>,
    /// Whether it returns a set.
    pub returns_set: bool,
    /// Its language.
    pub language: String,
    /// Its body, where it is text.
    pub body: Option<String>,
    /// `v` volatile, `s` stable, `i` immutable, as in `provolatile`.
    pub volatility: char,
    /// What a `BEGIN ATOMIC` body needs.
    pub depends: Vec<Dependency>,
    /// The extension that it belongs to.
    pub extension: Option<String>,
    /// Who made it.
    pub origin: Origin,
}

impl Function {
    /// The types of its input parameters.
    pub fn inputs(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(|parameter| matches!(parameter.mode, 'i' | 'b' | 'v'))
    }

    /// Its input types as `pg_get_function_identity_arguments` lists them, without names.
    pub fn signature(&self) -> String {
        self.inputs().map(|parameter| parameter.ty.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Whether a statement that names it with these types means it: a procedure's output parameters may be written.
    pub fn is_written_as(&self, signature: &str) -> bool {
        let all = || self.parameters.iter().map(|parameter| parameter.ty.to_string()).collect::<Vec<_>>();
        self.signature() == signature
            || (self.kind == FunctionKind::Procedure && all().join(", ") == signature)
    }

    /// Whether it can be called with `count` positional arguments; CALL gives a procedure's output parameters too.
    pub fn takes(&self, count: usize) -> bool {
        let inputs = match self.kind {
            FunctionKind::Procedure => self.parameters.len(),
            _ => self.inputs().count(),
        };
        let variadic = self.inputs().any(|parameter| parameter.mode == 'v');
        (count <= inputs && count + self.defaults >= inputs) || (variadic && count + 1 >= inputs)
    }
}
