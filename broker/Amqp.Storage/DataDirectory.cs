using System.Text.Json;

namespace Amqp.Storage;

/// <summary>
/// The directory that holds everything a node keeps. While it is open no other broker can open it, and it says of itself
/// what it is:
/// <code>
/// format.json       {"format":"amqp-net","version":2,"engine":"journal"}
/// lock              held, with a lock of the operating system, as long as a broker runs; survives it, means nothing then
/// definitions.log   see LocalMetadataStore
/// </code>
/// </summary>
public sealed class DataDirectory : IDisposable
{
    public const int FormatVersion = 2;

    private const string FormatName = "amqp-net";

    /// <summary>How .NET reports a file that is locked already: EWOULDBLOCK, or a sharing violation.</summary>
    private const int LockedOnLinux = 11;
    private const int LockedOnMacOS = 35;
    private const int LockedOnWindows = unchecked((int)0x80070020);

    private const string NewerFormat = "Start the newer broker that wrote it, or restore a backup from before its upgrade.";

    /// <summary>Version 1 was never released: its messages are not converted.</summary>
    private const string OlderFormat = "Start the older broker that wrote it and let consumers empty its queues; then copy its definitions.log, "
        + "which has everything but messages, into a new directory, and set Storage:Directory to that.";

    private readonly FileStream? _lock;

    private DataDirectory(string path, string engine, FileStream? lockFile)
    {
        FullPath = path;
        Engine = engine;
        _lock = lockFile;
    }

    public string FullPath { get; }

    /// <summary>The message storage engine that the directory belongs to.</summary>
    public string Engine { get; }

    /// <summary>The engine of a directory, without opening it; null if it is new.</summary>
    /// <exception cref="StorageException">It is not a data directory, or one of a newer version.</exception>
    public static string? EngineOf(string path)
    {
        var format = FormatPath(path);
        try
        {
            return File.Exists(format) ? ReadEngine(format) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, exception);
        }
    }

    /// <summary>Opens a directory, or makes one.</summary>
    /// <param name="engine">The message storage engine that is to use it.</param>
    /// <exception cref="StorageException">It cannot be read and written, another broker has it, or it belongs to another
    /// engine or a newer version.</exception>
    public static DataDirectory Open(string path, string engine)
    {
        path = Path.GetFullPath(path);
        FileStream? lockFile = null;
        try
        {
            Create(path);
            lockFile = Lock(path);
            var owner = EngineOf(path);
            if (owner is null) WriteFormat(path, engine);
            else if (owner != engine) throw WrittenByAnother(path, owner, engine);
            return new(path, engine, lockFile);
        }
        catch (Exception exception)
        {
            lockFile?.Dispose();
            if (exception is IOException or UnauthorizedAccessException) throw Unusable(path, exception);
            throw;
        }
    }

    /// <summary>Locks a directory that is there in order to look at it. Nothing in it is made or changed.</summary>
    /// <exception cref="StorageException">It is no data directory, or one of a newer version, or a broker has it, or it cannot be read.</exception>
    public static DataDirectory OpenExisting(string path)
    {
        path = Path.GetFullPath(path);
        var engine = EngineOf(path)
            ?? throw new StorageException($"'{path}' is no data directory of a broker: it has no file 'format.json'.");
        try
        {
            // A copy may be without the file, and then no broker uses it.
            return new(path, engine, File.Exists(LockPath(path)) ? Lock(path, FileMode.Open, FileAccess.Read) : null);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unusable(path, exception);
        }
    }

    /// <summary>Deletes everything that a node keeps here: the next start is the first one. Only while nothing in it is open.</summary>
    /// <param name="kept">Full paths of what is not the node's.</param>
    /// <exception cref="StorageException">Something cannot be deleted; what is gone by then is gone.</exception>
    public void Clear(params IReadOnlyCollection<string> kept)
    {
        try
        {
            foreach (var folder in Directory.EnumerateDirectories(FullPath).Where(path => !kept.Contains(path)).ToArray()) Directory.Delete(folder, recursive: true);
            foreach (var file in Directory.EnumerateFiles(FullPath).Where(path => path != LockPath(FullPath) && path != FormatPath(FullPath) && !kept.Contains(path)).ToArray()) File.Delete(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw Unusable(FullPath, exception);
        }
    }

    /// <summary>Notes that the directory belongs to another engine from now on, whose segments are in it. Before or after, also after a
    /// crash.</summary>
    internal void ChangeEngine(string engine) => WriteFormat(FullPath, engine);

    public void Dispose() => _lock?.Dispose();

    /// <summary>Only for the user who runs the broker: it will hold messages and the hashes of passwords.</summary>
    private static void Create(string path)
    {
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    private static string LockPath(string path) => Path.Combine(path, "lock");

    private static FileStream Lock(string path, FileMode mode = FileMode.OpenOrCreate, FileAccess access = FileAccess.ReadWrite)
    {
        try
        {
            return new(LockPath(path), mode, access, FileShare.None);
        }
        catch (IOException exception) when (exception.HResult is LockedOnLinux or LockedOnMacOS or LockedOnWindows)
        {
            throw new StorageException($"The data directory '{path}' is used by another broker: its file 'lock' is locked. "
                + "Stop that broker, or give this one another directory in Storage:Directory.", exception);
        }
    }

    private static string FormatPath(string path) => Path.Combine(path, "format.json");

    private static string ReadEngine(string format)
    {
        try
        {
            using var json = JsonDocument.Parse(File.ReadAllBytes(format));
            var root = json.RootElement;
            var version = root.GetProperty("version").GetInt32();
            if (root.GetProperty("format").GetString() == FormatName && root.GetProperty("engine").GetString() is { } engine)
            {
                if (version == FormatVersion) return engine;
                throw new StorageException($"'{format}' says that the data directory has format version {version}, and this broker reads version "
                    + $"{FormatVersion} alone. {(version > FormatVersion ? NewerFormat : OlderFormat)}");
            }
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw NotOurs(format, exception);
        }
        throw NotOurs(format, cause: null);
    }

    private static void WriteFormat(string path, string engine) => DurableFiles.Replace(FormatPath(path), file =>
    {
        using var writer = new Utf8JsonWriter(file);
        writer.WriteStartObject();
        writer.WriteString("format", FormatName);
        writer.WriteNumber("version", FormatVersion);
        writer.WriteString("engine", engine);
        writer.WriteEndObject();
    });

    internal static StorageException WrittenByAnother(string path, string owner, string engine) => new(
        $"The data directory '{path}' was written by the storage engine '{owner}', and is to be opened with '{engine}'. Let Storage:Engine be auto or "
        + $"{owner}, convert the directory with `amqpctl store convert --to {engine} {path}`, or choose another one with Storage:Directory.");

    private static StorageException NotOurs(string format, Exception? cause) => new(
        $"'{format}' is not readable as the description of a data directory, so it is not certain what the directory holds. If it is "
        + "this broker's, restore the file from a backup; if not, set Storage:Directory to another directory.", cause);

    private static StorageException Unusable(string path, Exception cause) => new(
        $"The data directory '{path}' cannot be used: {cause.Message} The user that runs the broker must be able to read and write "
        + "it, and the file system must not be full or mounted read-only.", cause);
}
