//! What one operation costs in the core, without disk, network or threads: `cargo bench`.

mod clock;
mod node;
mod values;

fn main() {
    divan::main();
}
