# SPDX-License-Identifier: Apache-2.0
# Services the tour checks, and the definitions of its checks. Sourced by ops/quickstart; uses $work, $here, launch, until_true.

host=$(hostname -s 2>/dev/null || echo this-host)
host=${host//[^A-Za-z0-9.-]/-}
nodes="$host compute-1 compute-2 compute-bad"

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# A certificate authority and two leaf certificates for mutual TLS, for this tour only.
make_certificates() {
    local name
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=spice-demo-ca \
        -keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
    for name in server client; do
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
            -keyout "$work/$name.key" -out "$work/$name.csr" 2>/dev/null
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >"$work/ext"
        openssl x509 -req -in "$work/$name.csr" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -days 2 \
            -extfile "$work/ext" -out "$work/$name.pem" 2>/dev/null
    done
    chmod 600 "$work"/*.key
}

start_web() {
    launch web nginx -p "$work" -c "$work/nginx.conf" -e "$work/nginx-error.log"
    web_pid=$last_pid
    until_true 20 "the HTTPS service answers" curl --silent --fail --cacert "$work/ca.pem" --cert "$work/client.pem" \
        --key "$work/client.key" "https://localhost:$web_port/health"
}

stop_web() {
    kill "$web_pid"
    wait "$web_pid" 2>/dev/null || true
}

oat_set() { printf '%s\n' "$2" >"$work/oat/$1"; }

restore_file() { cp "$work/sshd_config.golden" "$work/nodes/$1/sshd_config"; }

start_services() {
    make_certificates
    web_port=$(free_port)
    mkdir -p "$work/tmp"
    cat >"$work/nginx.conf" <<TEXT
daemon off;
master_process off;
pid $work/nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path $work/tmp/body;
    proxy_temp_path $work/tmp/proxy;
    fastcgi_temp_path $work/tmp/fastcgi;
    uwsgi_temp_path $work/tmp/uwsgi;
    scgi_temp_path $work/tmp/scgi;
    server {
        listen 127.0.0.1:$web_port ssl;
        ssl_certificate $work/server.pem;
        ssl_certificate_key $work/server.key;
        ssl_client_certificate $work/ca.pem;
        ssl_verify_client on;
        location = /health { default_type application/json; return 200 '{"status": "ok"}'; }
    }
}
TEXT
    start_web
    printf 'HTTPS with mutual TLS on 127.0.0.1:%s\n' "$web_port"

    mkdir -p "$work/oat"
    oat_port=$(free_port)
    launch oat python3 "$here/tests/support/oat_double.py" --port "$oat_port" --state "$work/oat" --cert "$work/server.pem" \
        --key "$work/server.key" --ca "$work/ca.pem"
    until_true 20 "the OpenAttestation double answers" curl --silent --cacert "$work/ca.pem" --cert "$work/client.pem" \
        --key "$work/client.key" "https://localhost:$oat_port/"
    printf 'OpenAttestation double (a stand-in, not a real server) on 127.0.0.1:%s\n' "$oat_port"

    printf 'PermitRootLogin no\n' >"$work/sshd_config.golden"
    local node
    for node in $nodes; do
        mkdir -p "$work/nodes/$node"
        restore_file "$node"
        oat_set "$node" trusted
    done
    oat_set compute-bad untrusted
    chmod 755 "$prefix" "$work" "$work/nodes"
    printf 'watched files %s\n' "$work/nodes/NODE/sshd_config"
}

# Plugins are started only with a manifest that a key of the configuration has signed.
sign_plugins() {
    local plugin
    cp "$here/ops/quickstart.d/check_digest" "$work/check_digest"
    for plugin in /usr/lib/nagios/plugins/check_load /usr/lib/nagios/plugins/check_procs /usr/lib/nagios/plugins/check_disk \
        /usr/lib/nagios/plugins/check_users "$work/check_digest"; do
        spicectl manifest sign "$plugin"
    done
}

write_definitions() {
    local golden
    golden=$(sha256sum <"$work/sshd_config.golden")
    golden=${golden%% *}
    cat >"$work/definitions.yaml" <<TEXT
kind: profile
name: demo
period: 2s
---
kind: profile
name: lockdown
period: 1s
---
kind: check
name: load
adapter: exec
params: {plugin: check_load, args: ["-w", "200,200,200", "-c", "400,400,400"]}
selector: role=worker-host
profile: demo
timeout: 5s
max_age: 10s
---
kind: check
name: processes
adapter: exec
params: {plugin: check_procs, args: ["-w", "20000", "-c", "30000"]}
selector: role=worker-host
profile: demo
timeout: 5s
max_age: 10s
---
kind: check
name: disk
adapter: exec
params: {plugin: check_disk, args: ["-w", "1%", "-c", "0%", "-p", "/"]}
selector: role=worker-host
profile: demo
timeout: 5s
max_age: 10s
---
kind: check
name: config-file
adapter: exec
params: {plugin: check_digest, args: ["$work/nodes/{node}/sshd_config", "$golden"]}
profile: demo
timeout: 5s
max_age: 10s
category: [configuration, file-system]
---
kind: check
name: web-tls
adapter: http
params:
  url: https://localhost:$web_port/health
  ca: $work/ca.pem
  cert: $work/client.pem
  key: $work/client.key
  json: {/status: ok}
profile: demo
timeout: 3s
max_age: 10s
---
kind: check
name: attestation
adapter: oat
params:
  server: https://localhost:$oat_port/AttestationService/resources
  version: "1"
  ca: $work/ca.pem
  cert: $work/client.pem
  key: $work/client.key
profile: demo
timeout: 5s
max_age: 10s
category: [hardware, executables]
---
kind: node
name: $host
address: 127.0.0.1
labels: {role: worker-host}
---
kind: node
name: compute-1
labels: {zone: a}
---
kind: node
name: compute-2
labels: {zone: b}
---
kind: node
name: compute-bad
labels: {zone: b}
---
kind: pool
name: trusted
mandatory: [config-file, web-tls, attestation]
hold_down: 1s
trait: CUSTOM_SPICE_TRUSTED
---
kind: pool
name: worker-hosts
selector: role=worker-host
mandatory: [load, processes, disk]
hold_down: 1s
accept_warn: true   # a busy machine is no reason to leave
trait: CUSTOM_SPICE_WORKER_HOST
TEXT
}
