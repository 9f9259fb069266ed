const wanted = (process.env['INPUT_NODE-VERSION'] ?? '').replace(/^v/, '').split('.')[0];
const major = process.versions.node.split('.')[0];
if (/^\d+$/.test(wanted) && wanted !== major) {
  console.log(`::warning::Node ${wanted} was asked for; the local run builds with Node ${process.versions.node}`);
} else {
  console.log(`Node ${process.versions.node}`);
}
