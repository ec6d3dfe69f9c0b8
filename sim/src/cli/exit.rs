//! Exit codes, the same for all commands.

/// Something was found that a command says itself: two traces that differ, a mutant that escapes.
pub const FOUND: u8 = 1;
/// The command line, or a file that it names, is wrong.
pub const USAGE: u8 = 2;
/// Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// Beneath the help.
pub const CODES: &str = "\
Exit codes:
  0    nothing is wrong
  1    what a command looks for was found: traces that differ, a planted bug that nobody catches
  2    the command line, or a file that it names, is wrong
  10   a crash: a panic, or a process that died or hung
  11   a safety violation
  12   a liveness violation
  13   non-determinism: one seed, two runs
  14   a sweep that missed its canary
  130  interrupted; what was done so far was printed
Of several failures in a sweep, the first of 13, 11, 10, 12 is the exit code.";
