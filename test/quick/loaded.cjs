// Preloaded by a test: writes down, when the process ends, what it has loaded and which paths it has asked the disk for.
const fs = require('node:fs');
const before = new Set(process.moduleLoadList);
const paths = [];
for (const name of ['readFileSync', 'openSync', 'statSync', 'lstatSync', 'readdirSync', 'existsSync', 'realpathSync']) {
  const real = fs[name];
  fs[name] = (path, ...rest) => {
    if (typeof path === 'string') paths.push(path);
    return real(path, ...rest);
  };
}
const seen = fs.readFileSync;
process.on('exit', () => {
  const modules = process.moduleLoadList
    .filter((name) => !before.has(name))
    .map((name) => name.replace(/^NativeModule /, ''));
  const required = Object.keys(require.cache).filter((file) => file !== __filename);
  // The programs that begin the long way are compiled from what is read: see run-program.ts.
  required.push(...paths.filter((path) => /\/(cli|check)\.cjs$/.test(path)));
  fs.writeSync(
    2,
    `\0${JSON.stringify({ modules, required, paths: paths.filter((path) => !path.endsWith('stepaside.cjs') && !path.endsWith('package.json')) })}`,
  );
});
void seen;
