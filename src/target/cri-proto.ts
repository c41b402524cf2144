// What Spikecam asks of a container runtime: the part of the Container Runtime Interface, version 1, that finds pods
// and containers. Names and numbers are the interface's own (cri-api, runtime/v1); fields not listed are passed over.
import { parseProto } from './proto.ts'

/** As text, because the program is one file and a test compares it with real runtimes. */
export const criProto = `
syntax = "proto3";
package runtime.v1;

service RuntimeService {
  rpc Version(VersionRequest) returns (VersionResponse);
  rpc ListPodSandbox(ListPodSandboxRequest) returns (ListPodSandboxResponse);
  rpc PodSandboxStatus(PodSandboxStatusRequest) returns (PodSandboxStatusResponse);
  rpc ListContainers(ListContainersRequest) returns (ListContainersResponse);
  rpc ContainerStatus(ContainerStatusRequest) returns (ContainerStatusResponse);
  rpc GetContainerEvents(GetEventsRequest) returns (stream ContainerEventResponse);
}

message VersionRequest { string version = 1; }
message VersionResponse { string version = 1; string runtime_name = 2; string runtime_version = 3; }

enum PodSandboxState { SANDBOX_READY = 0; SANDBOX_NOTREADY = 1; }
message PodSandboxMetadata { string name = 1; string uid = 2; string namespace = 3; uint32 attempt = 4; }
message PodSandbox {
  string id = 1;
  PodSandboxMetadata metadata = 2;
  PodSandboxState state = 3;
  int64 created_at = 4; // nanoseconds since the epoch, as all times here
  map<string, string> labels = 5;
  map<string, string> annotations = 6;
}
message ListPodSandboxRequest {}
message ListPodSandboxResponse { repeated PodSandbox items = 1; }

enum NamespaceMode { POD = 0; CONTAINER = 1; NODE = 2; TARGET = 3; }
message NamespaceOption { NamespaceMode network = 1; NamespaceMode pid = 2; NamespaceMode ipc = 3; string target_id = 4; }
message Namespace { NamespaceOption options = 2; }
message LinuxPodSandboxStatus { Namespace namespaces = 1; }
message PodIP { string ip = 1; }
message PodSandboxNetworkStatus { string ip = 1; repeated PodIP additional_ips = 2; }
message PodSandboxStatus {
  string id = 1;
  PodSandboxNetworkStatus network = 5;
  LinuxPodSandboxStatus linux = 6;
}
message PodSandboxStatusRequest { string pod_sandbox_id = 1; bool verbose = 2; }
message PodSandboxStatusResponse { PodSandboxStatus status = 1; map<string, string> info = 2; }

enum ContainerState { CONTAINER_CREATED = 0; CONTAINER_RUNNING = 1; CONTAINER_EXITED = 2; CONTAINER_UNKNOWN = 3; }
message ContainerMetadata { string name = 1; uint32 attempt = 2; }
message ImageSpec { string image = 1; string user_specified_image = 18; }
message Container {
  string id = 1;
  string pod_sandbox_id = 2;
  ContainerMetadata metadata = 3;
  ImageSpec image = 4;
  string image_ref = 5;
  ContainerState state = 6;
  int64 created_at = 7;
  map<string, string> labels = 8;
  map<string, string> annotations = 9;
}
message ListContainersRequest {}
message ListContainersResponse { repeated Container containers = 1; }

message ContainerStatus {
  string id = 1;
  ContainerState state = 3;
  int64 started_at = 5;
  int64 finished_at = 6;
  int32 exit_code = 7;
  ImageSpec image = 8;
  string reason = 10;
}
message ContainerStatusRequest { string container_id = 1; bool verbose = 2; }
message ContainerStatusResponse { ContainerStatus status = 1; map<string, string> info = 2; }

enum ContainerEventType {
  CONTAINER_CREATED_EVENT = 0;
  CONTAINER_STARTED_EVENT = 1;
  CONTAINER_STOPPED_EVENT = 2;
  CONTAINER_DELETED_EVENT = 3;
}
message GetEventsRequest {}
message ContainerEventResponse { string container_id = 1; ContainerEventType container_event_type = 2; int64 created_at = 3; }
`

export const criSchema = parseProto(criProto)

export interface CriSandbox {
  readonly id: string
  readonly metadata?: {
    readonly name: string
    readonly uid: string
    readonly namespace: string
    readonly attempt: number
  }
  readonly state: 'SANDBOX_READY' | 'SANDBOX_NOTREADY'
  readonly createdAt: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface CriSandboxStatus {
  readonly id: string
  readonly network?: { readonly ip: string; readonly additionalIps: readonly { readonly ip: string }[] }
  readonly linux?: { readonly namespaces?: { readonly options?: { readonly network: string; readonly pid: string } } }
}

export type CriContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED' | 'CONTAINER_UNKNOWN'

export interface CriContainer {
  readonly id: string
  readonly podSandboxId: string
  readonly metadata?: { readonly name: string; readonly attempt: number }
  readonly image?: { readonly image: string; readonly userSpecifiedImage: string }
  readonly imageRef: string
  readonly state: CriContainerState
  readonly createdAt: number
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

export interface CriContainerStatus {
  readonly id: string
  readonly state: CriContainerState
  readonly startedAt: number
  readonly finishedAt: number
  readonly exitCode: number
  readonly image?: { readonly image: string; readonly userSpecifiedImage: string }
  readonly reason: string
}
