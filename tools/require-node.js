// The scripts run on the Node of the devDependency "node", which npm puts first in the PATH. This says so where it is missing.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Node ${process.versions.node} is too old for this script, and the one in node_modules/node is missing: run "npm ci" without --ignore-scripts, or use Node 24.`,
  )
  process.exit(1)
}
