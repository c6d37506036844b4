#!/usr/bin/env bash
# Finds out which store engines this build can have: the journal always, LiteDB where its package restores. Says so in one line,
# and leaves the answer in out/engines.props, which Directory.Build.props imports. WithLiteDB=true or false in the environment
# forces it. The answer is kept until the package sources change; that the package cannot be had, for a day.
set -euo pipefail
cd "$(dirname "$0")/../.."
answer=out/engines.props
version=$(sed -n 's/.*Include="LiteDB" Version="\[\(.*\)\]".*/\1/p' Directory.Packages.props)

# Whatever decides where packages come from.
key=$({
  echo "$version" "${WithLiteDB:-}" "${RestoreAdditionalProjectSources:-}" "${RestoreSources:-}" "${NUGET_PACKAGES:-}"
  cat ~/.nuget/NuGet/NuGet.Config ~/.config/NuGet/NuGet.Config [Nn]u[Gg]et.[Cc]onfig 2>/dev/null || true
} | cksum | cut -d' ' -f1)

# probe: sets with and why
probe() {
  local folder=out/probe said
  rm -rf "$folder"
  mkdir -p "$folder"
  # Its own properties, so that the repository's do not come in.
  echo '<Project />' | tee "$folder/Directory.Build.props" "$folder/Directory.Build.targets" "$folder/Directory.Packages.props" >/dev/null
  cat >"$folder/probe.csproj" <<PROJECT
<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net10.0</TargetFramework><NuGetAudit>false</NuGetAudit></PropertyGroup>
  <ItemGroup><PackageReference Include="LiteDB" Version="[$version]" /></ItemGroup>
</Project>
PROJECT
  local code=0
  said=$(timeout 60 dotnet restore "$folder/probe.csproj" --nologo 2>&1 </dev/null) || code=$?
  rm -rf "$folder"
  case $code in
    0) with=true why="" ;;
    124) with=false why="LiteDB $version does not restore here: the package source did not answer" ;;
    *) with=false why="LiteDB $version does not restore here: $(grep -o 'NU[0-9]*' <<<"$said" | head -1 || true)" ;;
  esac
}

is_known() {
  [ -f "$answer" ] && grep -q "key $key " "$answer" || return 1
  grep -q '>true<' "$answer" || [ -n "${WithLiteDB:-}" ] || [ -n "$(find "$answer" -mtime -1)" ]
}

if ! is_known; then
  case ${WithLiteDB:-} in
    true | false) with=$WithLiteDB why="WithLiteDB=$WithLiteDB" ;;
    "") probe ;;
    *) echo "WithLiteDB is '$WithLiteDB'; it can be true, false, or not set" >&2; exit 1 ;;
  esac
  [ "$with" = true ] && engines="litedb, journal" || engines=journal
  mkdir -p out
  cat >"$answer" <<PROPS
<Project>
  <!-- Made by tools/scripts/engines.sh, key $key -->
  <!-- engines: $engines${why:+ ($why)} -->
  <PropertyGroup>
    <WithLiteDB Condition="'\$(WithLiteDB)' == ''">$with</WithLiteDB>
  </PropertyGroup>
</Project>
PROPS
fi
sed -n 's/ *<!-- \(engines: .*\) -->/\1/p' "$answer"
