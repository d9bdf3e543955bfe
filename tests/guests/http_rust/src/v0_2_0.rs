//! The client on release 0.2.0; whole.rs says what it does.
mod command;
mod whole;

use published_0_2_0 as published;

fn main() {
    command::main(whole::perform)
}
