// A plain command in AssemblyScript: prints what it was given and ends with the status it is
// asked for, like the C guest of the same name, so that one test serves both.
//
//   hello [--exit N] [ARG...]

console.log("hello");
const args = process.argv;
for (let i = 0; i < args.length; i++) {
  console.log("arg " + i.toString() + ": " + args[i]);
}
const names = process.env.keys();
for (let i = 0; i < names.length; i++) {
  console.log("env " + names[i] + "=" + process.env.get(names[i]));
}
if (args.length > 2 && args[1] == "--exit") {
  process.exit(I32.parseInt(args[2]));
}
