// Creates MongoDB's users with the least rights that they need. A second call changes nothing. ROTATE=USER gives
// a user the password that is in its file now; not admin, whose password this script itself needs.
const fs = require("fs");
const rows = { db: "Weight", collection: "TrainingData" };
const read = ["find", "listIndexes", "listCollections"];
const users = {
  connect: [{ resource: rows, actions: ["find", "insert", "update"] }],
  // It reads the rows and owns the other collections of the database.
  "model-server": [{ resource: { db: "Weight", collection: "" }, actions: [...read, "insert", "update", "remove", "createIndex", "createCollection"] }],
  monitor: [{ resource: { db: "Weight", collection: "" }, actions: read }],
  verify: [{ resource: { db: "Weight", collection: "" }, actions: read }],
};
const rotate = process.env.ROTATE;
if (rotate && !Object.hasOwn(users, rotate)) throw new Error(`ROTATE=${rotate}: expected one of ${Object.keys(users).join(", ")}`);
const admin = db.getSiblingDB("admin");
if (!admin.auth("admin", fs.readFileSync("/run/secrets/admin", "utf8").trim())) throw new Error("wrong password of admin");
for (const [user, privileges] of Object.entries(users)) {
  const pwd = fs.readFileSync(`/run/secrets/${user}`, "utf8").trim();
  if (!admin.getRole(user)) admin.createRole({ role: user, privileges, roles: [] });
  if (!admin.getUser(user)) {
    admin.createUser({ user, pwd, roles: [user] });
    print(`user ${user}: created`);
  } else if (rotate === user) {
    admin.changeUserPassword(user, pwd);
    print(`user ${user}: new password`);
  } else {
    print(`user ${user}: unchanged`);
  }
}
