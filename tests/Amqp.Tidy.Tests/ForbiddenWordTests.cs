namespace Amqp.Tidy.Tests;

/// <summary>Ownership instead of locks; nothing blocks, hides a failure or reads the clock by itself; Core touches nothing outside of itself.</summary>
public class ForbiddenWordTests
{
    private const string Ownership = "state has one owner; a lock is for named leaf files only";
    private const string Blocking = "blocks a thread; loops await or post";
    private const string Time = "time and randomness are passed in (TimeProvider, a seeded source)";
    private const string Outside = "Core is pure: no file, socket, thread or clock";
    private const string Unfinished = "what is committed is finished";

    private static readonly ForbiddenWord[] Locks =
    [
        new("lock", @"(?<!@)\block\s*\(|\.EnterScope\s*\(", Ownership),
        new("Monitor", @"\bMonitor\s*\.", Ownership),
        new("Mutex", @"\bMutex\b", Ownership),
        new("Semaphore", @"\bSemaphore(Slim)?\b", Ownership),
        new("ReaderWriterLock", @"\bReaderWriterLock(Slim)?\b", Ownership),
        new("SpinLock", @"\bSpinLock\b", Ownership),
        new("ResetEvent", @"\b(Manual|Auto)ResetEvent(Slim)?\b", Ownership),
        new("Synchronized", @"\bMethodImplOptions\s*\.\s*Synchronized\b", Ownership),
    ];

    private static readonly ForbiddenWord[] Calls =
    [
        new("Task.Run", @"\bTask\s*\.\s*(Run|Factory)\b", "every loop has an owner, a name and an end; a task that is thrown away has none"),
        new("async void", @"\basync\s+void\b", "its exceptions end the process or are lost"),
        new("Thread.Sleep", @"\bThread\s*\.\s*Sleep\b", Blocking),
        new("Result", @"\.\s*Result\b(?!\s*[(<])", Blocking),
        new("Wait", @"\.\s*Wait\s*\(\s*\)", Blocking),
        new("GetResult", @"\.\s*GetAwaiter\s*\(\s*\)\s*\.\s*GetResult\b", Blocking),
        new("DateTime.UtcNow", @"\bDateTime(Offset)?\s*\.\s*(UtcNow|Now|Today)\b", Time),
        new("Environment.TickCount", @"\bEnvironment\s*\.\s*TickCount", Time),
        new("Random", @"\bnew\s+Random\b|\bRandom\s*\.\s*Shared\b", Time),
    ];

    private static readonly ForbiddenWord[] Parsing =
    [
        new("Parse",
            @"\b([su]?byte|u?short|u?int|u?long|float|double|decimal|bool|char|S?Byte|U?Int(16|32|64|128)|Single|Double|Decimal|Boolean|BigInteger|Half|Enum|Guid|TimeSpan|Date(Time(Offset)?|Only)|TimeOnly)\s*\.\s*(Try)?Parse(Exact)?\b",
            "the runtime takes more than is meant (zeros at the end, blanks, numbers for names); DecimalDigits does not"),
        new("Convert", @"\bConvert\s*\.\s*To(S?Byte|U?Int\d+|Single|Double|Decimal|Boolean|DateTime)\b", "it takes what the runtime's parsers take"),
    ];

    private static readonly ForbiddenWord[] Logging =
    [
        new("Log", @"(?<!\bMath)\.\s*Log(Trace|Debug|Information|Warning|Error|Critical)?\s*\(", "an event of the log is a method with LoggerMessage: its id comes from that name, and stays the same when its words are changed"),
    ];

    private static readonly ForbiddenWord[] OutsideWorld =
    [
        new("System.IO", @"\bSystem\s*\.\s*IO\b(?!\s*\.\s*Hashing)", Outside),
        new("System.Net", @"\bSystem\s*\.\s*Net\b", Outside),
        new("File", @"\b(File|Directory|FileInfo|DirectoryInfo|Path)\s*\.\s*\w|\b(FileStream|NetworkStream|StreamReader|StreamWriter)\b", Outside),
        new("Socket", @"\b(Socket|TcpClient|TcpListener|HttpClient)\b", Outside),
        new("Thread", @"\b(Thread|ThreadPool)\s*\.\s*\w|\bnew\s+Thread\b", Outside),
        new("Timer", @"\b(Timer|PeriodicTimer)\b|\bTask\s*\.\s*Delay\b", Outside),
        new("TimeProvider", @"\bTimeProvider\b", Outside),
        new("Stopwatch", @"\bStopwatch\b", Outside),
        new("Guid.NewGuid", @"\bGuid\s*\.\s*(NewGuid|CreateVersion7)\b", Outside),
        new("Environment", @"\b(Environment|Process)\s*\.\s*\w", Outside),
        new("Console", @"\bConsole\s*\.\s*\w", Outside),
    ];

    // Written in halves, so that this file does not break its own rule.
    private static readonly ForbiddenWord[] UnfinishedWork =
    [
        new("marker", @"\b(TO" + @"DO|FIX" + @"ME|XX" + @"X)\b", Unfinished),
        new("stub", @"\bNot" + @"ImplementedException\b", Unfinished),
    ];

    private static readonly string[] Pure = ["broker/Amqp.Core/", "cluster/Amqp.Replication/"];
    private static readonly string[] WithComments = [".cs", ".csproj", ".props", ".targets", ".proj", ".sh", ".js", ".mjs", ".py", ".razor", ""];

    [Test]
    public void Locks_stand_only_in_named_leaf_files() => House.Expect(InProduct(Repository.CSharp, Locks), Exceptions.Locks);

    [Test]
    public void Product_code_does_not_block_or_read_the_clock() => House.Expect(InProduct(Repository.CSharp, Calls), Exceptions.Calls);

    [Test]
    public void Product_code_reads_numbers_strictly() => House.Expect(InProduct(Repository.CSharp, Parsing), Exceptions.Parsing);

    [Test]
    public void The_pure_projects_touch_nothing_outside() => House.Expect(InPure(Repository.CSharp), []);

    [Test]
    public void Nothing_unfinished_is_committed() => House.Expect(UnfinishedIn(Repository.Files), []);

    [Test]
    public void Every_event_of_the_log_has_an_id_that_stays() => House.Expect(InProduct(Repository.CSharp, Logging), Exceptions.Logging);

    [TestCase("lock (_gate) { }", "lock")]
    [TestCase("using (_gate.EnterScope()) { }", "lock")]
    [TestCase("Monitor.Enter(gate);", "Monitor")]
    [TestCase("var s = new SemaphoreSlim(1);", "Semaphore")]
    [TestCase("ReaderWriterLockSlim _lock;", "ReaderWriterLock")]
    [TestCase("private readonly ManualResetEventSlim _done = new();", "ResetEvent")]
    public void The_lock_rule_catches(string code, string what) => Catches(InProduct(Sample("broker/X/X.cs", code), Locks), what);

    [TestCase("_ = Task.Run(Loop);", "Task.Run")]
    [TestCase("Task.Factory.StartNew(Loop);", "Task.Run")]
    [TestCase("private async void Handle()", "async void")]
    [TestCase("Thread.Sleep(10);", "Thread.Sleep")]
    [TestCase("var x = task.Result;", "Result")]
    [TestCase("task\n    .Wait();", "Wait")]
    [TestCase("task.GetAwaiter().GetResult();", "GetResult")]
    [TestCase("var now = DateTimeOffset.UtcNow;", "DateTime.UtcNow")]
    [TestCase("var now = DateTime.Now;", "DateTime.UtcNow")]
    [TestCase("var now = Environment.TickCount64;", "Environment.TickCount")]
    [TestCase("var r = new Random(7);", "Random")]
    [TestCase("""var s = $"at {DateTime.UtcNow:O}";""", "DateTime.UtcNow")]
    public void The_call_rule_catches(string code, string what) => Catches(InProduct(Sample("cluster/X/X.cs", code), Calls), what);

    [TestCase("logger.LogWarning(text);", "Log")]
    [TestCase("_logger.Log(LogLevel.Error, text);", "Log")]
    public void The_rule_of_the_log_catches(string code, string what) => Catches(InProduct(Sample("broker/X/X.cs", code), Logging), what);

    [TestCase("if (long.TryParse(text, out var number)) { }", "Parse")]
    [TestCase("var port = ushort\n    .Parse(text, provider);", "Parse")]
    [TestCase("Enum.Parse<Colour>(text)", "Parse")]
    [TestCase("Convert.ToInt32(text)", "Convert")]
    public void The_parsing_rule_catches(string code, string what) => Catches(InProduct(Sample("broker/X/X.cs", code), Parsing), what);

    [TestCase("using System.IO;", "System.IO")]
    [TestCase("using System.Net.Sockets;", "System.Net")]
    [TestCase("var s = File.ReadAllText(path);", "File")]
    [TestCase("private readonly Socket _socket;", "Socket")]
    [TestCase("new Thread(Loop).Start();", "Thread")]
    [TestCase("Thread.Yield();", "Thread")]
    [TestCase("await Task.Delay(1);", "Timer")]
    [TestCase("public Queue(TimeProvider time)", "TimeProvider")]
    [TestCase("var watch = Stopwatch.StartNew();", "Stopwatch")]
    [TestCase("var id = Guid.NewGuid();", "Guid.NewGuid")]
    public void The_purity_rule_catches(string code, string what) => Catches(InPure(Sample("broker/Amqp.Core/X.cs", code)), what);

    [TestCase("broker/X/X.cs", "// TO" + "DO later", "marker")]
    [TestCase("tools/x.sh", "# FIX" + "ME", "marker")]
    [TestCase("tools/X/X.cs", "throw new Not" + "ImplementedException();", "stub")]
    public void The_rule_against_unfinished_work_catches(string path, string text, string what) => Catches(UnfinishedIn(Sample(path, text)), what);

    [TestCase("// lock (this) and Thread.Sleep in a comment")]
    [TestCase("""var s = "Task.Run(x)";""")]
    [TestCase("var block = Block(1); unlock (x);")]
    [TestCase("var level = Math.Log(size);")]
    [TestCase("match.Result(text); SendResult(x); x.Results.Add(1);")]
    [TestCase("DecimalDigits.TryParse(text, out var n); IPAddress.Parse(a); Convert.ToHexString(b); JsonDocument.Parse(c);")]
    public void Innocent_code_is_left_alone(string code) =>
        Assert.That(InProduct(Sample("broker/X/X.cs", code), [.. Locks, .. Calls, .. Parsing, .. Logging]), Is.Empty);

    [Test]
    public void Tests_and_tools_may_block() =>
        Assert.That(InProduct(Sample("tests/X/X.cs", "Thread.Sleep(1); lock (x) { }"), [.. Locks, .. Calls]), Is.Empty);

    private static IEnumerable<Finding> InProduct(IEnumerable<SourceFile> files, ForbiddenWord[] words) =>
        from file in files where file.IsProduct from word in words from finding in word.Find(file, file.Code) select finding;

    private static IEnumerable<Finding> InPure(IEnumerable<SourceFile> files) =>
        from file in files
        where Pure.Any(folder => file.Path.StartsWith(folder, StringComparison.Ordinal))
        from word in OutsideWorld
        from finding in word.Find(file, file.Code)
        select finding;

    private static IEnumerable<Finding> UnfinishedIn(IEnumerable<SourceFile> files) =>
        from file in files where WithComments.Contains(file.Extension)
        from word in UnfinishedWork from finding in word.Find(file, file.Text) select finding;

    private static SourceFile[] Sample(string path, string text) => [new SourceFile(path, text)];

    private static void Catches(IEnumerable<Finding> findings, string what) => Assert.That(findings.Select(finding => finding.What), Does.Contain(what));
}
