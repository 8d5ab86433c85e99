// Package clients tests Rivulet with the official Kusto client for Go.
package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Azure/azure-kusto-go/azkustodata"
	"github.com/Azure/azure-kusto-go/azkustodata/kql"
	"github.com/Azure/azure-kusto-go/azkustodata/query"
	queryv1 "github.com/Azure/azure-kusto-go/azkustodata/query/v1"
)

const database = "GoClients"

var (
	serverURL string
	client    *azkustodata.Client
)

// TestMain starts a server on a free port of localhost, without credentials, for all tests.
func TestMain(m *testing.M) {
	status, err := runWithServer(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func runWithServer(m *testing.M) (int, error) {
	folder, err := os.MkdirTemp("", "rivulet-go-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	binary := os.Getenv("RIVULET_BINARY")
	if binary == "" {
		binary = "../../../build/rivulet"
	}
	portFile := filepath.Join(folder, "port")
	server := exec.Command(binary, "serve", "--listen", "127.0.0.1:0", "--data", filepath.Join(folder, "data"), "--port-file", portFile)
	server.Stdout, server.Stderr = os.Stderr, os.Stderr
	if err := server.Start(); err != nil {
		return 1, err
	}
	defer func() {
		_ = server.Process.Signal(syscall.SIGTERM)
		_ = server.Wait()
	}()
	var port string
	for deadline := time.Now().Add(time.Minute); port == ""; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return 1, fmt.Errorf("the server did not start")
		}
		text, _ := os.ReadFile(portFile)
		port = strings.TrimSpace(string(text))
	}
	serverURL = "http://127.0.0.1:" + port
	client, err = azkustodata.New(azkustodata.NewConnectionStringBuilder(serverURL))
	if err != nil {
		return 1, err
	}
	defer client.Close()
	if _, err := client.Mgmt(context.Background(), "NetDefaultDB", kql.New(".create database "+database+" ifnotexists")); err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// statement makes a query of a text that is not a constant.
func statement(text string) *kql.Builder { return kql.New("").AddUnsafe(text) }

func mgmt(t *testing.T, text string) queryv1.Dataset {
	t.Helper()
	dataset, err := client.Mgmt(context.Background(), database, statement(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return dataset
}

// rows runs a query and gives the rows of its first result.
func rows(t *testing.T, text string, options ...azkustodata.QueryOption) []query.Row {
	t.Helper()
	dataset, err := client.Query(context.Background(), database, statement(text), options...)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return dataset.Tables()[0].Rows()
}

func equal[T comparable](t *testing.T, found, expected T) {
	t.Helper()
	if found != expected {
		t.Fatalf("found %v, expected %v", found, expected)
	}
}
