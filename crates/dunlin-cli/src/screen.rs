//! What the terminal is like, and writing to it without ever panicking.

use crate::args::{Color, Output};
use crate::backend::Environment;
use crate::command_error::CommandError;
use crate::render::View;
use std::io::{IsTerminal, Write};

/// The two streams, and how each is to be written.
#[derive(Debug, Clone)]
pub(crate) struct Screen {
    /// For stdout.
    pub(crate) out: View,
    /// For stderr.
    pub(crate) err: View,
    /// Whether stderr is a terminal that can redraw a line.
    pub(crate) live: bool,
}

impl Screen {
    /// Looks at the streams and the environment once.
    pub(crate) fn detect(output: &Output, environment: &Environment) -> Screen {
        let variable = |name: &str| environment.variables.get(name).filter(|value| !value.is_empty());
        let dumb = variable("TERM").is_some_and(|term| term == "dumb");
        let styled = |terminal: bool| {
            styled(
                output.color,
                variable("NO_COLOR").is_some(),
                variable("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
                dumb,
                terminal,
            )
        };
        let width = |terminal: bool| {
            let columns = variable("COLUMNS").and_then(|columns| columns.parse().ok());
            let size = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
            if terminal { columns.or_else(size).unwrap_or(80).clamp(40, 200) } else { 140 }
        };
        let view = |terminal: bool| View {
            styled: styled(terminal),
            width: width(terminal),
            verbose: output.verbose,
            quiet: output.quiet,
        };
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        Screen { out: view(out), err: view(err), live: err && !dumb }
    }
}

fn styled(color: Color, no_color: bool, force: bool, dumb: bool, terminal: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if no_color => false,
        Color::Auto if force => true,
        Color::Auto => terminal && !dumb,
    }
}

/// Writes a result to stdout; a reader that has gone (`| head`) is no error.
pub(crate) fn print(text: &str) -> Result<(), CommandError> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(CommandError::Output(error)),
        _ => Ok(()),
    }
}

/// Writes a line to stderr; nobody can be told when that fails.
pub(crate) fn say(line: &str) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "{}", line.trim_end_matches('\n'));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_then_no_color_then_force_then_the_terminal() {
        assert!(styled(Color::Always, true, false, true, false));
        assert!(!styled(Color::Never, false, true, false, true));
        assert!(!styled(Color::Auto, true, true, false, true));
        assert!(styled(Color::Auto, false, true, false, false));
        assert!(styled(Color::Auto, false, false, false, true));
        assert!(!styled(Color::Auto, false, false, true, true));
        assert!(!styled(Color::Auto, false, false, false, false));
    }
}
