// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {Audit} from "../../src/audit/Audit.sol";
import {Settlement, Claim} from "../../src/core/Settlement.sol";
import {Step} from "../../src/core/Checkpoints.sol";
import {Splitter} from "../../src/core/Splitter.sol";
import {GOPEN} from "../../src/governance/GOPEN.sol";
import {OpenGovernor} from "../../src/governance/OpenGovernor.sol";
import {IIncome, IModels, IRules, ISettlement, ISplitter, ITokenEdge, Modules} from "../../src/interfaces/Modules.sol";
import {Keys} from "../../src/libraries/Keys.sol";
import {Split} from "../../src/libraries/Split.sol";
import {Datanets} from "../../src/registries/Datanets.sol";
import {Models} from "../../src/registries/Models.sol";
import {Rules} from "../../src/Rules.sol";
import {Staking} from "../../src/Staking.sol";
import {Batch, Params, Source} from "../../src/Types.sol";
import {Tree, TreeKit} from "./Tree.sol";
import {vm} from "./Test.sol";

/// @dev Gives tests the library's answers on memory bytes.
contract SplitProbe {
    function all(Split.Facts memory f, bytes calldata leaves) external pure returns (uint32[] memory, uint256[] memory) {
        return Split.all(f, leaves);
    }

    function earned(uint32 key, Split.Facts memory f, bytes calldata leaves) external pure returns (uint256) {
        return Split.earned(key, f, leaves);
    }

    function parts(Split.Facts memory f, bytes calldata leaves) external pure returns (Split.Parts memory) {
        return Split.parts(f, leaves);
    }
}

/// @dev Everything deployed, a base model, an adapter over two Datanets, six people, a rich payer.
contract World {
    using TreeKit for Tree;

    GOPEN gopen;
    TimelockController timelock;
    Rules rules;
    Settlement settlement;
    Datanets datanets;
    Models models;
    Staking staking;
    Audit audit;
    OpenGovernor governor;
    Splitter splitter;
    SplitProbe probe;

    address constant PAYER = address(0xAA01);
    address constant POSTER = address(0xAA02);
    address constant WATCHER = address(0xAA03);
    address constant CURATOR = address(0xAA04);
    address constant OWNER = address(0xAA05);
    uint32 constant PEOPLE = 6;
    uint32 base;
    uint32 adapter;

    /// @dev What the tests know of settled batches, by id, and the tree after the final checkpoint.
    mapping(uint256 id => Batch) batches;
    mapping(uint256 id => bytes) leavesOf;
    mapping(uint256 id => bytes32) hashes;
    Tree honest; // after all batches in `built`
    uint256 built;

    function person(uint32 id) internal pure returns (address) {
        return address(uint160(0xBB00 + id));
    }

    function defaults() internal pure returns (Params memory) {
        return Params({
            contributors: 5_000,
            owner: 1_500,
            base: 1_000,
            host: 1_000,
            stakers: 900,
            poster: 20,
            staticShare: 3_000,
            cap: 2_500,
            drawRate: 200,
            penalty: 24,
            attribution: 1,
            window: 3 days,
            bond: 100 ether,
            modelFee: 10 ether,
            datanetFee: 5 ether,
            proposalFee: 50 ether,
            auditorStake: 100 ether
        });
    }

    function deploy(ITokenEdge edge) internal {
        uint256 n = vm.getNonce(address(this));
        address[10] memory place;
        for (uint256 i; i < 10; ++i) place[i] = vm.computeCreateAddress(address(this), n + i);
        gopen = new GOPEN();
        address[] memory proposers = new address[](1);
        address[] memory executors = new address[](1);
        proposers[0] = place[8];
        timelock = new TimelockController(1 days, proposers, executors, address(0));
        rules = new Rules(place[1], defaults());
        settlement = new Settlement(
            Modules({
                rules: rules,
                models: IModels(place[5]),
                splitter: ISplitter(place[9]),
                datanets: IIncome(place[4]),
                staking: IIncome(place[6]),
                audit: place[7],
                governor: place[8],
                treasury: place[1],
                edge: edge
            })
        );
        ISettlement s = ISettlement(place[3]);
        datanets = new Datanets(s, rules, place[1]);
        models = new Models(s, rules, datanets, place[1]);
        staking = new Staking(s, place[7], place[1]);
        audit = new Audit(s, rules, models, datanets, staking);
        governor = new OpenGovernor(gopen, timelock, s, rules);
        splitter = new Splitter(rules, models);
        require(address(governor) == place[8] && address(settlement) == place[3], "order");
        probe = new SplitProbe();
    }

    function fund(address who, uint256 amount) internal {
        vm.deal(who, who.balance + amount);
        vm.prank(who);
        settlement.deposit{value: amount}();
    }

    function populate() internal {
        vm.warp(100 * 8 days);
        deploy(ITokenEdge(address(0)));
        for (uint32 i = 1; i <= PEOPLE; ++i) settlement.register(person(i));
        fund(PAYER, 1_000_000 ether);
        fund(POSTER, 10_000 ether);
        fund(CURATOR, 100 ether);
        fund(OWNER, 100 ether);
        uint32[] memory who = new uint32[](PEOPLE);
        uint64[] memory units = new uint64[](PEOPLE);
        for (uint32 i; i < PEOPLE; ++i) (who[i], units[i]) = (i + 1, 10 * (i + 1));
        vm.startPrank(CURATOR);
        for (uint32 d = 1; d <= 2; ++d) {
            datanets.create("net");
            datanets.publish(d, keccak256(abi.encode(d)), 100, "opfs:net");
            datanets.grant(d, who, units);
        }
        vm.stopPrank();
        Source[] memory sources = new Source[](2);
        sources[0] = Source(1, 1, 6_667);
        sources[1] = Source(2, 1, 3_333);
        vm.startPrank(OWNER);
        base = models.register(0, 0, [bytes32("base"), "m", "i"], new Source[](0), 0, 0, "hf:base");
        adapter = models.register(base, 0, [bytes32("adapter"), "m", "i"], sources, 1 ether, 1_000, "hf:adapter");
        vm.stopPrank();
    }

    // ---- settling

    function settle(uint32 model, uint32 host, uint96 amount, bytes memory leaves) internal returns (uint256 id) {
        return settleAs(PAYER, model, host, amount, bytes32("transcripts"), leaves);
    }

    function settleAs(address payer, uint32 model, uint32 host, uint96 amount, bytes32 transcripts, bytes memory leaves)
        internal
        returns (uint256 id)
    {
        (,, uint32 nonce) = settlement.accountOf(payer);
        vm.prank(payer, payer);
        id = settlement.settle(model, host, amount, nonce, transcripts, leaves);
        batches[id] = Batch(
            payer,
            uint40(block.timestamp),
            settlement.rulesInForce(),
            model,
            host,
            amount,
            transcripts,
            leaves.length == 0 ? bytes32(0) : keccak256(leaves)
        );
        leavesOf[id] = leaves;
        hashes[id] = keccak256(abi.encode(batches[id]));
    }

    // ---- reward roots

    function facts(uint256 id, uint32 posterId) internal view returns (Split.Facts memory f) {
        Batch memory b = batches[id];
        f.rules = rules.version(b.rules);
        (f.base, f.sources) = models.lineage(b.model);
        (f.model, f.host, f.poster, f.amount) = (b.model, b.host, posterId, b.amount);
    }

    function advance(Tree memory t, uint256 id, uint32 posterId) internal view {
        (uint32[] memory keys, uint256[] memory rewards) = probe.all(facts(id, posterId), leavesOf[id]);
        for (uint256 i; i < keys.length; ++i) t.add(keys[i], rewards[i]);
    }

    /// @dev The roots after each of batches (from, to], and the tree after the last.
    function rootsOf(Tree memory start, uint256 from, uint256 to, uint32 posterId)
        internal
        view
        returns (bytes32[] memory roots, Tree memory t)
    {
        t = start.copy();
        roots = new bytes32[](to - from);
        for (uint256 id = from + 1; id <= to; ++id) {
            advance(t, id, posterId);
            roots[id - from - 1] = t.root();
        }
    }

    function post(uint256 parent, uint32 posterId, bytes32[] memory roots) internal returns (uint256 id) {
        uint256 from = settlement.checkpoint(parent).last;
        bytes32[] memory batchHashes = new bytes32[](roots.length);
        for (uint256 i; i < roots.length; ++i) batchHashes[i] = hashes[from + 1 + i];
        settlement.mark();
        vm.prank(POSTER);
        return settlement.post(parent, posterId, batchHashes, roots);
    }

    /// @dev Posts and finalises everything settled since `built`, honestly.
    function checkpointAll() internal returns (uint256 id) {
        (uint256 count,, uint256 parent,) = settlement.progress();
        (bytes32[] memory roots, Tree memory t) = rootsOf(honest, built, count, 0);
        id = post(parent, 0, roots);
        vm.warp(block.timestamp + 3 days);
        settlement.finalise(id);
        (honest, built) = (t, count);
    }

    function claim(uint32 key) internal returns (uint256) {
        Tree memory t = honest;
        return settlement.claim(key, t.get(key), t.proof(key));
    }

    /// @dev A one-batch checkpoint's step has no path.
    function stepOf(uint256 checkpoint, uint256 batch, bytes32 before, bytes32 later) internal view returns (Step memory s) {
        s.place.checkpoint = checkpoint;
        (s.place.before, s.place.later) = (before, later);
        s.batch = batches[batch];
        s.leaves = leavesOf[batch];
    }
}
