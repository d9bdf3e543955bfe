//! The client on release 0.1.1; whole.rs says what it does.
mod command;
mod whole;

use published_0_1_1 as published;

fn main() {
    command::main(whole::perform)
}
