//! The client on release 0.3.0; handle.rs says what it does.
mod command;
mod handle;

use published_0_3_0 as published;

fn main() {
    command::main(handle::perform)
}
