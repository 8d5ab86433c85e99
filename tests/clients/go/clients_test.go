package clients

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-kusto-go/azkustodata"
	kustoerrors "github.com/Azure/azure-kusto-go/azkustodata/errors"
	"github.com/Azure/azure-kusto-go/azkustodata/kql"
	"github.com/google/uuid"
	"github.com/shopspring/decimal"
)

const everyType = `datatable(n:int, b:bool, i:int, l:long, r:real, d:decimal, t:datetime, s:timespan, g:guid, text:string, bag:dynamic) [
    1, true, int(2147483647), 9223372036854775807, 2.5, decimal(2.00000000000001), datetime(2020-03-04T14:05:01.3109965Z),
    time(01:23:45.6789000), guid("74be27de-1e4e-49d9-b579-fe0b331d3642"), "asdf", dynamic({"moshe":"value"}),
    2, bool(null), int(null), long(null), real(null), decimal(null), datetime(null), timespan(null), guid(null), "", dynamic(null),
] | order by n asc`

type everyTypeRow struct {
	N    int32            `kusto:"n"`
	B    *bool            `kusto:"b"`
	I    *int32           `kusto:"i"`
	L    *int64           `kusto:"l"`
	R    *float64         `kusto:"r"`
	D    *decimal.Decimal `kusto:"d"`
	T    *time.Time       `kusto:"t"`
	S    *time.Duration   `kusto:"s"`
	G    *uuid.UUID       `kusto:"g"`
	Text string           `kusto:"text"`
	Bag  []byte           `kusto:"bag"`
}

func checkEveryType(t *testing.T, first, second everyTypeRow) {
	t.Helper()
	equal(t, *first.B, true)
	equal(t, *first.I, 2147483647)
	equal(t, *first.L, 9223372036854775807)
	equal(t, *first.R, 2.5)
	equal(t, first.D.String(), "2.00000000000001")
	equal(t, first.T.UTC(), time.Date(2020, 3, 4, 14, 5, 1, 310996500, time.UTC))
	equal(t, *first.S, time.Hour+23*time.Minute+45*time.Second+678900*time.Microsecond)
	equal(t, *first.G, uuid.MustParse("74be27de-1e4e-49d9-b579-fe0b331d3642"))
	equal(t, first.Text, "asdf")
	equal(t, string(first.Bag), `{"moshe":"value"}`)
	if second.B != nil || second.I != nil || second.L != nil || second.R != nil || second.D != nil || second.T != nil ||
		second.S != nil || second.G != nil || second.Text != "" || second.Bag != nil {
		t.Fatalf("not all null: %+v", second)
	}
}

func TestQueryOfEveryType(t *testing.T) {
	found := rows(t, everyType)
	equal(t, len(found), 2)
	var first, second everyTypeRow
	for i, into := range []*everyTypeRow{&first, &second} {
		if err := found[i].ToStruct(into); err != nil {
			t.Fatal(err)
		}
	}
	checkEveryType(t, first, second)
}

func TestIterativeQuery(t *testing.T) {
	dataset, err := client.IterativeQuery(context.Background(), database, statement(everyType+"; range x from 1 to 5000 step 1"))
	if err != nil {
		t.Fatal(err)
	}
	defer dataset.Close()
	var typed []everyTypeRow
	var count int64
	for result := range dataset.Tables() {
		if result.Err() != nil {
			t.Fatal(result.Err())
		}
		table := result.Table()
		if !table.IsPrimaryResult() {
			continue
		}
		for row := range table.Rows() {
			if row.Err() != nil {
				t.Fatal(row.Err())
			}
			if table.ColumnByName("x") != nil {
				count++
				continue
			}
			var one everyTypeRow
			if err := row.Row().ToStruct(&one); err != nil {
				t.Fatal(err)
			}
			typed = append(typed, one)
		}
	}
	equal(t, count, 5000)
	checkEveryType(t, typed[0], typed[1])
}

func TestTablesOfAnAnswer(t *testing.T) {
	dataset, err := client.Query(context.Background(), database, kql.New("print x=1; print y=2"))
	if err != nil {
		t.Fatal(err)
	}
	var columns []string
	var kinds []string
	for _, table := range dataset.Tables() {
		if table.IsPrimaryResult() {
			columns = append(columns, table.Columns()[0].Name())
		} else {
			kinds = append(kinds, table.Kind())
		}
	}
	equal(t, strings.Join(columns, " "), "x y")
	equal(t, strings.Join(kinds, " "), "QueryProperties QueryCompletionInformation")
}

func TestQueryToJSON(t *testing.T) {
	text, err := client.QueryToJson(context.Background(), database, kql.New("print x=1"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text, `"PrimaryResult"`) {
		t.Fatal(text)
	}
}

func TestParameters(t *testing.T) {
	parameters := kql.NewParameters().
		AddString("text", "it's \"quoted\"").AddInt("i", 1).AddLong("l", 2).AddReal("r", 2.5).AddBool("b", true).
		AddDateTime("at", time.Date(2020, 3, 4, 14, 5, 1, 310996500, time.UTC)).
		AddTimespan("span", time.Hour+23*time.Minute+45*time.Second+678900*time.Microsecond).
		AddDynamic("bag", map[string]string{"moshe": "value"}).
		AddGUID("g", uuid.MustParse("74be27de-1e4e-49d9-b579-fe0b331d3642")).
		AddDecimal("d", decimal.RequireFromString("2.00000000000001"))
	found := rows(t, `print text, i, l, r, b, at == datetime(2020-03-04T14:05:01.3109965Z), span == time(01:23:45.6789000), tostring(bag.moshe), g, d`,
		azkustodata.QueryParameters(parameters), azkustodata.CustomQueryOption("additional", true))
	row := found[0]
	text, err := row.StringByIndex(0)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, text, "it's \"quoted\"")
	values := row.Values()
	equal(t, values[5].String(), "true")
	equal(t, values[6].String(), "true")
	equal(t, values[7].String(), "value")
	equal(t, values[9].String(), "2.00000000000001")
}

func TestCommands(t *testing.T) {
	plain := mgmt(t, ".show databases")
	equal(t, len(plain.Tables()), 1)
	piped := mgmt(t, `.show databases | project A="1" | take 1`)
	equal(t, len(piped.Tables()), 1)
	both := mgmt(t, `.show databases | project A="1" | take 1; datatable(b: int) [3] | project A="2" | take 1`)
	equal(t, len(both.Tables()), 2)
	for i, expected := range []string{"1", "2"} {
		text, err := both.Tables()[i].Rows()[0].StringByName("A")
		if err != nil {
			t.Fatal(err)
		}
		equal(t, text, expected)
	}
}

func TestErrors(t *testing.T) {
	for _, text := range []string{"Nonexistent", "table('Nonexistent')", "invalid syntax here"} {
		_, err := client.Query(context.Background(), database, statement(text))
		var httpError *kustoerrors.HttpError
		if !errors.As(err, &httpError) {
			t.Fatalf("%s: %v", text, err)
		}
		equal(t, httpError.StatusCode, http.StatusBadRequest)
		equal(t, kustoerrors.Retry(err), false)
	}
	_, err := client.Mgmt(context.Background(), database, kql.New(".show table Nonexistent"))
	if err == nil || !strings.Contains(err.Error(), "BadRequest_TableNotExist") {
		t.Fatal(err)
	}
}

func TestTimeout(t *testing.T) {
	_, err := client.Query(context.Background(), database,
		kql.New("range x from 1 to 1000000 step 1 | extend k=1 | join kind=inner (range y from 1 to 1000000 step 1 | extend k=1) on k | summarize max(x * y)"), azkustodata.ServerTimeout(time.Second))
	if err == nil || !strings.Contains(err.Error(), "RequestExecutionTimeout") {
		t.Fatal(err)
	}
}

func TestTooManyRows(t *testing.T) {
	_, err := client.Query(context.Background(), database, kql.New("range x from 1 to 600000 step 1"))
	if err == nil || !strings.Contains(err.Error(), "E_QUERY_RESULT_SET_TOO_LARGE") {
		t.Fatal(err)
	}
	equal(t, len(rows(t, "range x from 1 to 600000 step 1", azkustodata.NoTruncation())), 600000)
}

// camelCase spells a format as this client sends it.
type camelCase string

func (f camelCase) CamelCase() string                                  { return string(f) }
func (f camelCase) KnownOrDefault() azkustodata.DataFormatForStreaming { return f }

func TestStreamingIngestion(t *testing.T) {
	mgmt(t, ".create table Streamed (id:long, name:string)")
	mgmt(t, ".alter table Streamed policy streamingingestion enable")
	mgmt(t, `.create table Streamed ingestion json mapping 'M' '[{"column":"id","path":"$.x"}]'`)
	connection, err := azkustodata.NewConn(serverURL, client.Auth(), http.DefaultClient, azkustodata.NewClientDetails("", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	ingest := func(text string, format camelCase, mapping string) error {
		var packed bytes.Buffer
		writer := gzip.NewWriter(&packed)
		_, _ = writer.Write([]byte(text))
		_ = writer.Close()
		return connection.StreamIngest(context.Background(), database, "Streamed", &packed, format, mapping, "KGC.tests;1", false)
	}
	for _, each := range []struct{ text, format, mapping string }{
		{"1,one\n", "Csv", ""},
		{"2\ttwo\n", "Tsv", ""},
		{`{"id":3,"name":"three"}`, "Json", ""},
		{`[{"x":4}]`, "MultiJson", "M"},
	} {
		if err := ingest(each.text, camelCase(each.format), each.mapping); err != nil {
			t.Fatal(err)
		}
	}
	count, err := rows(t, "Streamed | count")[0].LongByIndex(0)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, *count, 4)
	if err := ingest("{", "Json", ""); err == nil {
		t.Fatal("malformed data was taken")
	}
}
