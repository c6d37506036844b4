namespace Amqp.Tidy.Tests;

/// <summary>A text file of the repository; the path is relative to the root, with forward slashes.</summary>
internal sealed record SourceFile(string Path, string Text)
{
    private string? _code;

    /// <summary>The text of a C# file with comments and literals blanked out, so that only code is searched.</summary>
    public string Code => _code ??= CSharpText.Blank(Text);

    public string Extension => System.IO.Path.GetExtension(Path);

    /// <summary>Code that runs in the broker, as opposed to tests and tools.</summary>
    public bool IsProduct => Path.StartsWith("broker/", StringComparison.Ordinal) || Path.StartsWith("cluster/", StringComparison.Ordinal);

    public int LineAt(int position) => Text.AsSpan(0, position).Count('\n') + 1;
}

/// <summary>The files that the rules look at: everything below the folder of Amqp.sln that is not built, fetched or written at run time.</summary>
internal static class Repository
{
    private static readonly HashSet<string> SkippedFolders = [".git", ".vs", ".idea", "bin", "obj", "node_modules"];
    private static readonly HashSet<string> SkippedPaths = ["out", "data", "tests/.tools", "tests/results"];
    private static readonly HashSet<string> TextExtensions =
        [".cs", ".csproj", ".props", ".targets", ".proj", ".sln", ".json", ".md", ".sh", ".js", ".mjs", ".py", ".yml", ".yaml", ".razor", ".css", ".html", ".editorconfig", ".gitignore", ""];

    public static string Root { get; } = FindRoot();

    private static readonly Lazy<IReadOnlyList<SourceFile>> All = new(() => Read(Root, "").ToList());

    public static IReadOnlyList<SourceFile> Files => All.Value;

    public static IEnumerable<SourceFile> CSharp => Files.Where(file => file.Extension == ".cs");

    public static IEnumerable<SourceFile> Projects => Files.Where(file => file.Extension == ".csproj");

    public static SourceFile File(string path) => Files.Single(file => file.Path == path);

    public static bool Exists(string path)
    {
        var full = Path.Combine(Root, path);
        return System.IO.File.Exists(full) || Directory.Exists(full);
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !System.IO.File.Exists(Path.Combine(folder.FullName, "Amqp.sln"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException($"Amqp.sln is not above {AppContext.BaseDirectory}");
    }

    private static IEnumerable<SourceFile> Read(string folder, string prefix)
    {
        foreach (var file in Directory.EnumerateFiles(folder).Where(file => TextExtensions.Contains(Path.GetExtension(file))))
            yield return new SourceFile(prefix + Path.GetFileName(file), System.IO.File.ReadAllText(file));

        foreach (var child in Directory.EnumerateDirectories(folder))
        {
            var name = Path.GetFileName(child);
            if (SkippedFolders.Contains(name) || SkippedPaths.Contains(prefix + name)) continue;
            foreach (var file in Read(child, $"{prefix}{name}/")) yield return file;
        }
    }
}
