#!/usr/bin/env node
// Plain JavaScript, so that an old Node can say what it needs instead of failing on the first type.
const MINIMUM_NODE = 24;
if (Number(process.versions.node.split('.')[0]) < MINIMUM_NODE) {
  process.stderr.write(
    `Node ${process.versions.node} cannot run plexy, which needs Node ${MINIMUM_NODE} or newer; "npm ci" of the repository installs one for "npx plexy"\n`,
  );
  process.exit(2);
}
// Whoever read the output has closed it, such as `head`: that is the end, and no failure.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
const { main } = await import('../src/main.ts');
process.exitCode = await main(process.argv.slice(2));
