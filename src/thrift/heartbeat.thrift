// What agents call, Thrift binary protocol on plain TCP, port 11102 by default.

struct AgentInfo {
  1: string id,       // the asset number; an i32 in a very old IDL
  2: string ip,
  3: string version,  // of the agent; in the very old IDL this was apps
  4: string apps      // JSON object text: app name -> installed version
}

service HeartbeatService {
  // Answers JSON text: {"data": {"<app>": "<version>", ...}}, all apps the agent may run.
  string heartbeatPackage(1: AgentInfo info)
}
