//! A plain command on the standard library: prints its arguments and environment, then does what it
//! is asked: `--read PATH`, `--write PATH TEXT`, `--stdin`, `--exit N`, `--panic`.

use std::io::Read;
use std::{env, fs, io, process, thread, time};

fn main() {
    let arguments: Vec<String> = env::args().collect();
    for argument in &arguments {
        println!("argument {argument}");
    }
    for (name, value) in env::vars() {
        println!("variable {name}={value}");
    }
    let before = time::Instant::now();
    let pause = time::Duration::from_millis(10);
    thread::sleep(pause);
    println!("slept {}", before.elapsed() >= pause);

    let mut rest = arguments.iter().skip(1);
    let mut status = 0;
    while let Some(option) = rest.next() {
        let mut next = || rest.next().cloned().unwrap_or_default();
        match option.as_str() {
            "--read" => println!("read {:?}", fs::read_to_string(next()).map_err(|e| e.kind())),
            "--write" => println!("write {:?}", fs::write(next(), next()).map_err(|e| e.kind())),
            "--stdin" => {
                let mut text = String::new();
                let result = io::stdin().read_to_string(&mut text);
                println!("stdin {:?} {text:?}", result.map_err(|e| e.kind()));
            }
            "--exit" => status = next().parse().unwrap_or(2),
            "--panic" => panic!("on purpose"),
            _ => println!("unknown {option}"),
        }
    }
    eprintln!("on stderr");
    process::exit(status);
}
